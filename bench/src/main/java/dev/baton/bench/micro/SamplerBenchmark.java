package dev.baton.bench.micro;

import dev.baton.bench.report.WrongResult;
import dev.baton.decode.Sampler;
import dev.baton.decode.SamplingParams;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The choice of one token among a vocabulary's, of normally distributed logits.
 *
 * <p>Inside the window: {@link Sampler#next}, on the next of a few rows. Proved before: greedy
 * choices are the largest logits; drawn ones are among the best 40, and the same for the same seed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 700, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class SamplerBenchmark {
  private static final int ROWS = 8;
  private static final int TOP = 40;
  private static final long SEED = 63;

  /** How a token is chosen. */
  public enum Choice {
    GREEDY,
    USUAL;

    private SamplingParams params() {
      return this == GREEDY ? SamplingParams.greedy() : SamplingParams.usual(SEED);
    }
  }

  @Param({"128256"})
  private int vocab;

  @Param({"GREEDY", "USUAL"})
  private Choice choice;

  private final Arena arena = Arena.ofShared();
  private MemorySegment logits; // (ROWS, vocab)
  private Sampler sampler;
  private int next;

  @Setup
  public void prepare() {
    SplittableRandom random = new SplittableRandom(SEED);
    logits = arena.allocate((long) ROWS * vocab * Float.BYTES, 64);
    for (long i = 0; i < (long) ROWS * vocab; i++) {
      logits.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (3 * random.nextGaussian()));
    }
    sampler = new Sampler(choice.params(), vocab);
    prove();
  }

  private void prove() {
    Sampler same = new Sampler(choice.params(), vocab);
    Sampler first = new Sampler(choice.params(), vocab);
    for (int row = 0; row < ROWS; row++) {
      int token = first.next(logits, row);
      float[] sorted = new float[vocab];
      MemorySegment.copy(
          logits, ValueLayout.JAVA_FLOAT, (long) row * vocab * Float.BYTES, sorted, 0, vocab);
      float chosen = sorted[token];
      Arrays.sort(sorted);
      float least = sorted[choice == Choice.GREEDY ? vocab - 1 : Math.max(0, vocab - TOP)];
      if (chosen < least || token != same.next(logits, row)) {
        throw new WrongResult("the sampler chose token " + token + ", which it may not");
      }
    }
  }

  @Benchmark
  public int choose() {
    next = (next + 1) % ROWS;
    return sampler.next(logits, next);
  }

  @TearDown
  public void close() {
    arena.close();
  }
}
