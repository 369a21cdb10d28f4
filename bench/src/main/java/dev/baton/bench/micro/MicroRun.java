package dev.baton.bench.micro;

import dev.baton.bench.report.WrongResult;
import dev.baton.node.JavaCommand;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** Runs benchmarks with JMH, each trial in a process of its own. */
final class MicroRun {
  private static final TimeValue QUICK = TimeValue.milliseconds(100);

  private final boolean quick;
  private final Consumer<String> started;
  private final Consumer<MicroTrial> ended;
  private final List<RunResult> results = new ArrayList<>();

  /**
   * @param quick one short iteration of each: whether it works, not how fast
   * @param started told whose trial begins
   * @param ended told what each gave
   */
  MicroRun(boolean quick, Consumer<String> started, Consumer<MicroTrial> ended) {
    this.quick = quick;
    this.started = started;
    this.ended = ended;
  }

  /**
   * Runs all trials of one benchmark.
   *
   * @throws WrongResult where one cannot be run or computes what it should not
   */
  void run(MicroBenchmark benchmark) {
    var options =
        new OptionsBuilder()
            .include(benchmark.include())
            .addProfiler(CeilingProfiler.class)
            .shouldFailOnError(true)
            .jvmArgsAppend(JavaCommand.FLAGS.toArray(String[]::new));
    benchmark
        .params()
        .forEach((param, values) -> options.param(param, values.toArray(String[]::new)));
    if (quick) {
      options.warmupIterations(1).measurementTime(QUICK).measurementIterations(1);
    }
    try {
      results.addAll(new Runner(options.build(), new Listener(benchmark)).run());
    } catch (RunnerException e) {
      throw new WrongResult(benchmark.name() + ": " + reason(e));
    }
  }

  private final class Listener extends QuietFormat {
    private final MicroBenchmark benchmark;

    Listener(MicroBenchmark benchmark) {
      this.benchmark = benchmark;
    }

    @Override
    public void startBenchmark(BenchmarkParams trial) {
      started.accept(benchmark.name());
    }

    @Override
    public void endBenchmark(@Nullable BenchmarkResult result) {
      if (result != null) {
        ended.accept(MicroTrial.of(benchmark, result));
      }
    }
  }

  /** What the benchmark itself said, else the last that JMH did. */
  private static String reason(Throwable thrown) {
    Throwable last = thrown;
    for (Throwable at = thrown; at != null; at = next(at)) {
      if (at instanceof WrongResult wrong) {
        return wrong.reason();
      }
      last = at;
    }
    return last.getMessage() == null ? last.toString() : last.getMessage();
  }

  private static @Nullable Throwable next(Throwable at) {
    return at.getSuppressed().length > 0 ? at.getSuppressed()[0] : at.getCause();
  }

  /** JMH's own record of all that was run, as JSON. */
  String jmhJson() {
    var text = new java.io.ByteArrayOutputStream();
    PrintStream out = new PrintStream(text, true, StandardCharsets.UTF_8);
    ResultFormatFactory.getInstance(ResultFormatType.JSON, out).writeOut(results);
    return text.toString(StandardCharsets.UTF_8);
  }
}
