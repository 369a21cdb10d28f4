package dev.baton.ggml;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/** The devices that tests run on: those of the library that BATON_GGML_HOME names. */
final class GgmlDevices {
  private GgmlDevices() {}

  /** The library; without it the test is skipped. */
  static GgmlLibrary library() {
    Assumptions.assumeTrue(
        !System.getenv().getOrDefault(GgmlFolder.VARIABLE, "").isBlank(),
        GgmlFolder.VARIABLE + " names no folder with ggml's libraries (.ci/run brings one)");
    return GgmlLibrary.open(System.getenv(), Path.of("nowhere"));
  }

  /** ggml's CPU device, and a Vulkan one where there is one, if only Mesa's llvmpipe. */
  static List<String> names() {
    if (System.getenv().getOrDefault(GgmlFolder.VARIABLE, "").isBlank()) {
      return List.of(GgmlDevice.CPU); // the test that gets it is skipped
    }
    Optional<String> vulkan =
        library().devices().stream()
            .filter(device -> device.backend().equals("Vulkan"))
            .map(GgmlDevice::label)
            .findFirst();
    return vulkan.isPresent() ? List.of(GgmlDevice.CPU, vulkan.get()) : List.of(GgmlDevice.CPU);
  }
}
