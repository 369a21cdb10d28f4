package dev.baton.bench.plan;

import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import picocli.CommandLine.Command;

/** {@code baton bench planner}. */
@Command(
    name = "planner",
    header = "Time the planner with JMH: 8 nodes, 80 layers, all chunk schedules.")
public final class PlannerCommand implements Callable<Integer> {
  @Override
  public Integer call() throws RunnerException {
    new Runner(
            new OptionsBuilder().include(PlannerBenchmark.class.getName()).shouldDoGC(true).build())
        .run();
    return 0;
  }
}
