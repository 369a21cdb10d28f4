/**
 * The llama family on ggml's backends (CUDA, Metal, Vulkan, CPU) through its graph API: Baton's own
 * forward pass over a range of layers, with KV that is exported and imported layer by layer. The
 * bindings are written by hand, one class for each header, and read no field of a struct. Uses
 * {@code dev.baton.model} for its seams; start reading at {@link dev.baton.ggml.GgmlLibrary}, then
 * {@link dev.baton.ggml.GgmlModel}.
 */
@NullMarked
package dev.baton.ggml;

import org.jspecify.annotations.NullMarked;
