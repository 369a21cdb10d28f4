package dev.baton.bench.micro;

import dev.baton.bench.process.ParentWatch;
import dev.baton.kernel.CpuPeaks;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;
import org.openjdk.jmh.runner.IterationType;

/**
 * Says of each iteration of a kernel what share of the machine's peak it was. The peaks, of the
 * same instructions on the same number of threads, are measured in the kernel's own process right
 * before and right after the iteration, outside the window; the share is of the higher of the two,
 * since neighbours only ever take. A benchmark with the parameter {@code threads} and {@link
 * KernelWork} is a kernel.
 */
public final class CeilingProfiler implements InternalProfiler {
  /** The parameter that makes a benchmark a kernel. */
  static final String THREADS = "threads";

  private boolean held;
  private @Nullable NativeKernels kernels;
  private @Nullable CpuPeaks before;

  @Override
  public String getDescription() {
    return "shares of what the machine reaches";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    if (!held) {
      // JMH would let this process end its trial though the command that wants it is gone.
      ParentWatch.hold();
      held = true;
    }
    String threads = benchmark.getParam(THREADS);
    if (threads == null || iteration.getType() != IterationType.MEASUREMENT || before != null) {
      return;
    }
    // Ends with the process, which is this trial's alone.
    kernels =
        NativeKernels.open(
            KernelsConfig.fromEnvironment(System.getenv()).withThreads(Integer.parseInt(threads)));
    before = kernels.peaks();
  }

  @Override
  public Collection<? extends Result<?>> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    if (kernels == null || before == null) {
      return List.of();
    }
    CpuPeaks after = kernels.peaks();
    List<Result<?>> found = new ArrayList<>();
    for (Ceiling ceiling : Ceiling.values()) {
      Result<?> rate = result.getSecondaryResults().get(ceiling.counter());
      if (rate == null || rate.getScore() == 0) {
        continue;
      }
      double peak = Math.max(ceiling.of(before), ceiling.of(after));
      found.add(scalar(ceiling.peakLabel(), peak, rate.getScoreUnit()));
      found.add(scalar(ceiling.shareLabel(), 100 * rate.getScore() / peak, "%"));
    }
    before = after;
    return found;
  }

  private static ScalarResult scalar(String label, double value, String unit) {
    return new ScalarResult(label, value, unit, AggregationPolicy.AVG);
  }
}
