package dev.baton.bench;

import dev.baton.bench.compare.CompareCommand;
import dev.baton.bench.fit.FitCommand;
import dev.baton.bench.load.LoadCommand;
import dev.baton.bench.load.StartCommand;
import dev.baton.bench.micro.MicroCommand;
import dev.baton.bench.model.ModelCommand;
import dev.baton.bench.pareto.ParetoCommand;
import dev.baton.bench.pareto.ScoreCommand;
import dev.baton.bench.peer.PeerCommand;
import dev.baton.bench.peer.SpeedCommand;
import dev.baton.bench.schedule.ScheduleCommand;
import dev.baton.bench.split.AccuracyCommand;
import dev.baton.bench.split.PairCommand;
import dev.baton.bench.split.RegretCommand;
import dev.baton.bench.split.SplitCommand;
import dev.baton.bench.stream.LinkCommand;
import dev.baton.bench.stream.NodesCommand;
import dev.baton.bench.stream.StreamCommand;
import dev.baton.cli.Ranges;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/** The harness's command line: {@code baton bench}. */
@Command(
    name = "baton bench",
    header = "Measure Baton on this machine, and check that what was measured is right.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    footerHeading = "%nExit codes:%n",
    footer = {
      "  0  results were right (a bar that is not met is reported, no more)",
      "  1  a result was wrong, or what was asked for by name cannot be measured here",
      "  2  wrong usage"
    })
public final class BenchCli {
  private static final int FAILED = 1;
  private static final int WRONG_USAGE = 2;
  private static final int HELP_COLUMNS = 110;

  /** Runs a benchmark and ends the process with its exit code. */
  public static void main(String[] args) {
    System.exit(run(utf8(FileDescriptor.out), utf8(FileDescriptor.err), args));
  }

  private static PrintStream utf8(FileDescriptor of) {
    return new PrintStream(new FileOutputStream(of), true, StandardCharsets.UTF_8);
  }

  /** Runs a benchmark; results go to {@code out}, all else to {@code err}. */
  public static int run(PrintStream out, PrintStream err, String... args) {
    return commandLine(out, err).execute(args);
  }

  static CommandLine commandLine(PrintStream out, PrintStream err) {
    CommandLine line = new CommandLine(new BenchCli());
    line.getCommandSpec()
        .addOption(
            OptionSpec.builder("-h", "--help")
                .description("Show this help.")
                .usageHelp(true)
                .scopeType(ScopeType.INHERIT)
                .build());
    line.addSubcommand("stream", new StreamCommand(out, err));
    line.addSubcommand("regret", new RegretCommand(out, err));
    line.addSubcommand("accuracy", new AccuracyCommand(out, err));
    line.addSubcommand("split", new SplitCommand(out, err));
    line.addSubcommand("compare", new CompareCommand(out, err));
    line.addSubcommand("fit", new FitCommand(out));
    line.addSubcommand("model", new ModelCommand(out));
    line.addSubcommand("load", new LoadCommand(out, err));
    line.addSubcommand("schedule", new ScheduleCommand(out, err));
    line.addSubcommand("peer", new PeerCommand(out, err));
    line.addSubcommand("pareto", new ParetoCommand(out, err));
    line.addSubcommand("micro", new MicroCommand(out, err));
    line.addSubcommand("stream-link", new LinkCommand(out));
    line.addSubcommand("load-start", new StartCommand(out));
    line.addSubcommand("peer-speed", new SpeedCommand(out));
    line.addSubcommand("pareto-score", new ScoreCommand(out));
    line.addSubcommand("stream-nodes", new NodesCommand(out));
    line.addSubcommand("split-pair", new PairCommand(out));
    line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setUsageHelpWidth(HELP_COLUMNS);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExecutionStrategy(parsed -> {
      Ranges.check(parsed);
      return new CommandLine.RunLast().execute(parsed);
    });
    line.setParameterExceptionHandler((e, words) -> wrongUsage(e, err));
    line.setExecutionExceptionHandler((e, command, parsed) -> failed(e, err));
    return line;
  }

  private static int wrongUsage(ParameterException e, PrintStream err) {
    CommandLine command = e.getCommandLine();
    if (command.getParent() == null && !(e instanceof CommandLine.UnmatchedArgumentException)) {
      command.usage(err);
    } else {
      complain(oneLine(e) + "; see: " + command.getCommandSpec().qualifiedName() + " --help", err);
    }
    return WRONG_USAGE;
  }

  private static int failed(Exception e, PrintStream err) {
    complain(oneLine(e), err);
    if (!System.getenv().getOrDefault("BATON_TRACE", "").isEmpty()) {
      e.printStackTrace(err);
    }
    return e instanceof IllegalArgumentException ? WRONG_USAGE : FAILED;
  }

  private static void complain(String what, PrintStream err) {
    err.println("baton: " + what);
  }

  private static String oneLine(Exception e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    return message.strip().replaceAll("\\R\\s*", "; ");
  }
}
