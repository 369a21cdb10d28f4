/**
 * What a model is, as data: the states of its layers, as caches, wire and digests need them. Uses
 * nothing else of Baton; start reading at {@link dev.baton.arch.StateTable}.
 */
@NullMarked
package dev.baton.arch;

import org.jspecify.annotations.NullMarked;
