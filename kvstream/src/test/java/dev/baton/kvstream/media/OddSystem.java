package dev.baton.kvstream.media;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;

/** Linux as it is in odd places: what it answers can be changed, and calls are counted. */
final class OddSystem implements SocketCalls {
  private final SocketCalls linux = new LinuxSocketCalls();
  private final AtomicLong sends = new AtomicLong();
  private final AtomicLong receives = new AtomicLong();
  private volatile int optionsAnswer;
  private volatile LongUnaryOperator sendAnswer = nth -> 0;

  /** Refuses all options with this errno. */
  OddSystem refusingOptions(int errno) {
    optionsAnswer = -errno;
    return this;
  }

  /** Answers the nth send with an errno, or sends it where that is 0. */
  OddSystem answeringSends(LongUnaryOperator errno) {
    sendAnswer = errno;
    return this;
  }

  long sends() {
    return sends.get();
  }

  long receives() {
    return receives.get();
  }

  @Override
  public int send(int descriptor, MessageHeader message) {
    long errno = sendAnswer.applyAsLong(sends.incrementAndGet());
    return errno == 0 ? linux.send(descriptor, message) : (int) -errno;
  }

  @Override
  public int receive(int descriptor, MessageHeader message) {
    int received = linux.receive(descriptor, message);
    if (received > 0) {
      receives.incrementAndGet();
    }
    return received;
  }

  @Override
  public int setOption(int descriptor, int option, int value) {
    return optionsAnswer != 0 ? optionsAnswer : linux.setOption(descriptor, option, value);
  }
}
