/**
 * A node's decode side: reserve blocks, receive, run layers [b, L) in pipeline with the prefill
 * node, then decode all sessions as one continuous batch, and sample. Uses the forward pass and the
 * wire's {@code KvReceiver}; start reading at {@link dev.baton.decode.DecodeQueue}.
 */
@NullMarked
package dev.baton.decode;

import org.jspecify.annotations.NullMarked;
