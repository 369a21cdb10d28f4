/**
 * A node's prefill side: takes orders, runs their chunks through layers [0, b) and hands each
 * finished slice to the sender. Uses the forward pass and the wire's {@code KvSender}; start
 * reading at {@link dev.baton.prefill.PrefillQueue}.
 */
@NullMarked
package dev.baton.prefill;

import org.jspecify.annotations.NullMarked;
