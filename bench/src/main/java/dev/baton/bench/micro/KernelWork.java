package dev.baton.bench.micro;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * What a kernel did in an iteration, of each kind that {@link CeilingProfiler} knows the machine's
 * peak of. JMH sets the counts to zero before each iteration and divides them by its time.
 */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class KernelWork {
  /** 8-bit multiplications and additions. */
  public long dotOps;

  /** Float32 multiplications and additions. */
  public long fmaOps;

  /** Bytes of weights or KV, each counted once. */
  public long readBytes;
}
