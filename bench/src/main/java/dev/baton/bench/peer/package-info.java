/**
 * Baton beside other engines, on the same model, threads and machine. Start at {@link
 * dev.baton.bench.peer.PeerCommand}.
 */
@NullMarked
package dev.baton.bench.peer;

import org.jspecify.annotations.NullMarked;
