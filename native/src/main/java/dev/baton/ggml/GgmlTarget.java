package dev.baton.ggml;

import dev.baton.kernel.Kernels;
import dev.baton.model.ModelBackend;
import java.nio.file.Path;
import java.util.function.Function;

/**
 * What a model is brought to: a device of ggml, and what stands beside it.
 *
 * @param kernels turn KV into its lossy wire form and back, and say how many threads a device of
 *     processors computes with; the caller closes them after the models
 * @param reference loads a small model whole on what the device's numbers are compared with, once
 *     for each device of a process
 */
public record GgmlTarget(
    GgmlLibrary library,
    GgmlDevice device,
    Kernels kernels,
    Function<Path, ModelBackend> reference) {}
