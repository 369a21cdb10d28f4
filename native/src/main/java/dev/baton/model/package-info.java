/**
 * The seam between a node and its compute: a model on what computes it, a forward pass over a range
 * of its layers, the batch of rows that goes through it; and the file behind it. Uses {@code
 * dev.baton.arch}, {@code dev.baton.gguf}, {@code dev.baton.kernel} and {@code dev.baton.kv}; start
 * reading at {@link dev.baton.model.ModelBackend}.
 */
@NullMarked
package dev.baton.model;

import org.jspecify.annotations.NullMarked;
