/**
 * The operations a forward pass is made of, behind the {@link dev.baton.kernel.Kernels} seam:
 * Baton's C kernels ({@link dev.baton.kernel.NativeKernels}) and the plain-Java oracle they equal
 * bit for bit ({@link dev.baton.kernel.ReferenceKernels}). Uses {@code dev.baton.gguf} for tensor
 * types only; start reading at {@code Kernels}, then at the numeric contract in this module's
 * README.
 */
@NullMarked
package dev.baton.kernel;

import org.jspecify.annotations.NullMarked;
