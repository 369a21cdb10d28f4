package dev.baton.fault;

/** What a {@link Relay} does to the datagrams that pass it; shares are of datagrams, 0..1. */
sealed interface Fault {
  /** Some never arrive. */
  record Loss(double share) implements Fault {}

  /** Some arrive twice. */
  record Twice(double share) implements Fault {}

  /** Some are held back for so long that later ones overtake them. */
  record Overtaken(double share, long byMs) implements Fault {}

  /** All arrive later, by {@code ms} plus or minus up to {@code jitterMs}. */
  record Delay(long ms, long jitterMs) implements Fault {}

  /** Each way carries only so much; what the queue before it does not hold is lost. */
  record Bandwidth(long bytesPerSecond, long queueBytes) implements Fault {}

  /** In some, one to four bytes at or after {@code fromByte} are changed. */
  record Spoiled(double share, int fromByte) implements Fault {}

  /** Some are cut off at a random length. */
  record CutOff(double share) implements Fault {}
}
