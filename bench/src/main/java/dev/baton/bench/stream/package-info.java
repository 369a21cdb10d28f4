/**
 * The stream's benchmark: the full path against raw Aeron and the JDK's cipher, over loopback and
 * shaped links, and what of a transfer hides behind compute. May use every room, and in {@link
 * dev.baton.bench.stream.RawStream}, alone, Aeron. Start at {@link
 * dev.baton.bench.stream.StreamCommand}.
 */
@NullMarked
package dev.baton.bench.stream;

import org.jspecify.annotations.NullMarked;
