/**
 * A model in memory: its configuration, its packed weights, the paged KV cache, and one forward
 * pass over a range of layers. Uses {@code dev.baton.gguf} and {@code dev.baton.kernel}; start
 * reading at {@link dev.baton.model.ForwardPass}.
 */
@NullMarked
package dev.baton.model;

import org.jspecify.annotations.NullMarked;
