package dev.baton.kvstream.media;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.channels.DatagramChannel;

/**
 * A channel's file descriptor, until it is closed: {@link #close} waits for the call that is under
 * way, and afterwards no call reaches the kernel, where the number may be another file's by then.
 * Any thread.
 */
final class SocketDescriptor {
  private static final int CLOSED = -1;

  private final SocketCalls calls;
  private int number;

  SocketDescriptor(SocketCalls calls, DatagramChannel channel) {
    this.calls = calls;
    this.number = numberOf(channel);
  }

  /** The JDK keeps the number to itself; its package is exported by the JVM flags of Baton. */
  private static int numberOf(DatagramChannel channel) {
    try {
      Class<?> inside = Class.forName("sun.nio.ch.SelChImpl");
      MethodHandle number =
          MethodHandles.lookup().findVirtual(inside, "getFDVal", MethodType.methodType(int.class));
      return (int) number.invoke(channel);
    } catch (Throwable e) {
      throw new UnsupportedOperationException(
          "the JVM lacks the flag --add-exports java.base/sun.nio.ch=ALL-UNNAMED", e);
    }
  }

  /** As {@link SocketCalls#send}. */
  synchronized int send(MessageHeader message) {
    return number == CLOSED ? -SocketCalls.EBADF : calls.send(number, message);
  }

  /** As {@link SocketCalls#receive}. */
  synchronized int receive(MessageHeader message) {
    return number == CLOSED ? -SocketCalls.EBADF : calls.receive(number, message);
  }

  /** As {@link SocketCalls#setOption}. */
  synchronized int setOption(int option, int value) {
    return number == CLOSED ? -SocketCalls.EBADF : calls.setOption(number, option, value);
  }

  /** Nothing is called from now on; whoever closes the channel calls this before. */
  synchronized void close() {
    number = CLOSED;
  }
}
