/**
 * The GGUF model file: its metadata, its tensor table and the mapped bytes behind it. A file is
 * hostile until it is read: every length is checked against the file before memory is touched. Uses
 * nothing of Baton; start reading at {@link dev.baton.gguf.GgufFile}.
 */
@NullMarked
package dev.baton.gguf;

import org.jspecify.annotations.NullMarked;
