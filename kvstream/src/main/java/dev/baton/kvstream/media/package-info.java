/**
 * Aeron: a node's media driver with its files, addresses and publications, and endpoints of its own
 * that send and receive runs of datagrams and keep strangers out. Aeron's driver lives here and
 * nowhere else; of the wire it knows settings, not what is said. Start reading at {@link
 * dev.baton.kvstream.media.EmbeddedMedia}, for datagrams at {@link
 * dev.baton.kvstream.media.SegmentOffload}.
 */
@NullMarked
package dev.baton.kvstream.media;

import org.jspecify.annotations.NullMarked;
