/**
 * How datagrams leave and arrive: endpoints of Aeron's media driver that hand the kernel runs of
 * datagrams instead of one at a time. Uses Aeron's driver and the C library's socket calls, nothing
 * of the protocol; start reading at {@link dev.baton.kvstream.media.SegmentOffload}.
 */
@NullMarked
package dev.baton.kvstream.media;

import org.jspecify.annotations.NullMarked;
