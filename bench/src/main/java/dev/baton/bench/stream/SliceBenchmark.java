package dev.baton.bench.stream;

import dev.baton.bench.micro.MovedBytes;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvView;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.StreamConfig;
import java.security.SecureRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * A prompt's KV from one node's paged cache to another's, both in this process, over loopback.
 *
 * <p>Inside the window: order, export and encoding of every slice, sealing with a key, sending,
 * receiving, digests, placing, until all of it is known to stand in the other cache. Outside:
 * starting and acquainting the nodes, clearing the cache. Proved each time, outside the window:
 * both caches hold the same bits.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class SliceBenchmark {
  @Param({"llama-1b"})
  private String shape = "";

  @Param({"65504"})
  private int mtuBytes;

  @Param({"plain", "sealed"})
  private String link = "";

  private Kernels kernels;
  private CachePair caches;
  private FullPath path;
  private KvView destination;

  @Setup(Level.Trial)
  public void start() {
    kernels =
        KernelChoice.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(1)).kernels();
    Shape moved = Shape.named(shape);
    caches = new CachePair(moved, kernels);
    StreamConfig.Builder config =
        StreamConfig.builder().mtuBytes(mtuBytes).leaseNs(TwoNodes.LEASE.toNanos());
    if (link.equals("sealed")) {
      config.clusterKey(ClusterKey.random(new SecureRandom()));
    }
    path = new FullPath(moved, config, kernels, caches, UnaryOperator.identity());
  }

  @Setup(Level.Invocation)
  public void clear() {
    destination = caches.clearedDestination().view();
  }

  @Benchmark
  public void move(MovedBytes moved) throws InterruptedException {
    moved.movedBytes += path.transfer(destination).bytes();
  }

  @TearDown(Level.Invocation)
  public void prove() {
    caches.requireEqual();
  }

  @TearDown(Level.Trial)
  public void close() {
    path.close();
    caches.close();
    kernels.close();
  }
}
