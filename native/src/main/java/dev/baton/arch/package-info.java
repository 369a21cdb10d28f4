/**
 * What a model computes, as data ({@link dev.baton.arch.ModelShape}), in which steps ({@link
 * dev.baton.arch.Steps}), from which tensors ({@link dev.baton.arch.TensorNames}), and what its
 * layers leave behind ({@link dev.baton.arch.StateTable}). {@code arch.family} reads it out of
 * files. Uses {@code dev.baton.gguf}; start reading at {@link dev.baton.arch.ModelShape}.
 */
@NullMarked
package dev.baton.arch;

import org.jspecify.annotations.NullMarked;
