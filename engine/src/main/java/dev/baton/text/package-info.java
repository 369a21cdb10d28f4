/**
 * Text to token ids and back: the tokenizers that a GGUF's own vocabulary describes, whole
 * characters out of a stream of pieces, and conversations to ids by a model's chat template. Uses
 * {@code dev.baton.gguf} for a model's metadata and {@code dev.baton.template}; start reading at
 * {@link dev.baton.text.Tokenizer}.
 */
@NullMarked
package dev.baton.text;

import org.jspecify.annotations.NullMarked;
