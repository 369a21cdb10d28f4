/**
 * A model on Baton's own kernels: its packed weights and where they are kept, and the pass that
 * runs the steps of its shape. Uses {@code dev.baton.arch}, {@code dev.baton.kernel} and the seam
 * {@code dev.baton.model}, and nothing of its sibling {@code dev.baton.ggml}; start reading at
 * {@link dev.baton.cpu.CpuPass}.
 */
@NullMarked
package dev.baton.cpu;

import org.jspecify.annotations.NullMarked;
