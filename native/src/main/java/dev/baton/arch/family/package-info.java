/**
 * The families of models that Baton runs: each one class that reads a {@link
 * dev.baton.arch.ModelShape} out of GGUF metadata, and refuses what it would compute wrongly. Uses
 * {@code dev.baton.arch} and {@code dev.baton.gguf}; start reading at {@link
 * dev.baton.arch.family.Families}.
 */
@NullMarked
package dev.baton.arch.family;

import org.jspecify.annotations.NullMarked;
