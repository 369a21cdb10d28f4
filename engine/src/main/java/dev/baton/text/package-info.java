/**
 * Text to token ids and back: the tokenizers that a GGUF's own vocabulary describes, whole
 * characters out of a stream of pieces, and the chat templates Baton knows. Uses {@code
 * dev.baton.gguf} for the vocabulary's metadata and nothing else of Baton; start reading at {@link
 * dev.baton.text.Tokenizer}.
 */
@NullMarked
package dev.baton.text;

import org.jspecify.annotations.NullMarked;
