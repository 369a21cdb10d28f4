package dev.baton.ggml;

import java.lang.foreign.MemorySegment;

/**
 * A device that ggml found.
 *
 * @param name what ggml calls it, unique: {@code CUDA0}, {@code Vulkan0}, {@code CPU}
 * @param kind {@code cpu} or {@code gpu}
 * @param description of the hardware
 * @param backend ggml's kind of device: {@code CUDA}, {@code Vulkan}
 * @param freeBytes of its memory
 * @param totalBytes of its memory; 0 where it does not say
 * @param handle ggml's
 */
public record GgmlDevice(
    String name,
    String kind,
    String description,
    String backend,
    long freeBytes,
    long totalBytes,
    MemorySegment handle) {
  /** What users call ggml's CPU device, whose own name would be taken for Baton's kernels. */
  public static final String CPU = "ggml-cpu";

  /** What users call it. */
  public String label() {
    return isCpu() ? CPU : name;
  }

  boolean isCpu() {
    return "CPU".equals(backend);
  }

  /** True for what users call it, or ggml, or for its kind: {@code Metal}. */
  boolean isCalled(String text) {
    return text.equalsIgnoreCase(label())
        || (!isCpu() && (text.equalsIgnoreCase(name) || text.equalsIgnoreCase(backend)));
  }
}
