/**
 * The KV of a model in blocks of 64 token slots: counted references to them, sequences that grow,
 * fork and are cut, and the index that finds the blocks of a prompt's beginning. Uses {@code
 * dev.baton.arch} and {@code dev.baton.kernel}; start reading at {@link dev.baton.kv.KvPool}.
 */
@NullMarked
package dev.baton.kv;

import org.jspecify.annotations.NullMarked;
