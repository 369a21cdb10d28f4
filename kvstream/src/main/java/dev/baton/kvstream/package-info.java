/**
 * What nodes ask of each other, as values, and the seams between the wire and those who compute: an
 * order, its prompt and stage, what a node says of itself, where KV is read from and written to,
 * how a transfer went. The lowest package of the wire, which all the others speak of; uses {@code
 * dev.baton.arch}, {@code kernel} and {@code gguf} for what models and KV look like. Start reading
 * at {@link dev.baton.kvstream.PrefillOrder}; a node's end of the wire is {@code link.StreamNode}.
 */
@NullMarked
package dev.baton.kvstream;

import org.jspecify.annotations.NullMarked;
