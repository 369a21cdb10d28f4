package dev.baton.bench.micro;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What went through in an iteration; JMH divides it by the iteration's time. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class MovedBytes {
  /** JMH's name for the rate. */
  static final String LABEL = "movedBytes";

  /** Of payload. */
  public long movedBytes;
}
