/**
 * One order's KV on its way: the sending and the receiving side, with coverage, credit, digests,
 * slices and boundary rows, and the KV stream that carries them. Uses messages, seals and
 * publications, knows no handshake; start reading at {@link dev.baton.kvstream.session.SendSession}
 * and {@link dev.baton.kvstream.session.ReceiveSession}.
 */
@NullMarked
package dev.baton.kvstream.session;

import org.jspecify.annotations.NullMarked;
