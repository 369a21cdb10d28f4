/**
 * The wire: control and KV messages, sender, receiver, coverage, leases. Aeron and its media driver
 * live here and nowhere else. Uses {@code dev.baton.kernel} for the KV's shape; start reading at
 * {@link dev.baton.kvstream.StreamNode}, then the protocol table in this module's README.
 */
@NullMarked
package dev.baton.kvstream;

import org.jspecify.annotations.NullMarked;
