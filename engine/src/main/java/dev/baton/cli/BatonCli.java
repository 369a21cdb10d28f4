package dev.baton.cli;

import dev.baton.catalog.FileName;
import dev.baton.catalog.NearestName;
import dev.baton.ggml.GgmlAbort;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Baton's command line. */
@Command(
    name = "baton",
    versionProvider = BatonCli.Version.class,
    header =
        "Runs one language model across unlike machines: prefill here, decode there, the KV cache"
            + " streamed between.",
    synopsisSubcommandLabel = "COMMAND",
    description =
        "%nA prefill node computes the prompt and streams its KV cache while it is still computing;"
            + " this process decodes.",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton run \"Once upon a time, a little fox\"",
      "  baton pull smollm2-135m",
      "  baton run --model smollm2-135m \"Why is the sky blue?\"",
      "  baton node --role prefill --listen 127.0.0.1:4400 --model smollm2-135m",
      "  baton run --model smollm2-135m --prefill 127.0.0.1:4400 \"Why is the sky blue?\"",
      "",
      "Exit codes:",
      "  0  done      1  failed      2  wrong usage      130  ended by Ctrl-C",
      "",
      "Environment:",
      "  BATON_HOME        the cache folder for models and the journal (else the user's"
          + " cache folder)",
      "  BATON_PACKED_GB   the most that packed weights may take there; 0 keeps none (default: 20)",
      "  BATON_CPU_ISA     avx512, avx2, neon, scalar or java: compute with these kernels, not the"
          + " best ones",
      "  BATON_GGML_HOME   the folder of ggml's libraries, for accelerators; see 'baton devices"
          + " --help'",
      "  BATON_CLUSTER_KEY, BATON_CLUSTER_KEY_FILE",
      "                    the key that all nodes share, or its file; see 'baton key --help'",
      "  BATON_JAVA_HOME   the JDK that the launcher uses",
      "  BATON_JAVA_OPTS   more options for the JVM, e.g. -Xmx8g",
      "  BATON_LOG         off, error, warning, info or debug: what is logged to stderr (default:"
          + " warning)",
      "  BATON_TRACE       1: stack traces with errors",
      "  NO_COLOR          no colours, on a terminal too",
      "",
      "'baton COMMAND --help' tells more of each."
    })
public final class BatonCli {
  /** Exit codes of every command. */
  static final int DONE = 0;

  static final int FAILED = 1;
  static final int WRONG_USAGE = 2;
  static final int INTERRUPTED = 130;

  private static final int HELP_COLUMNS = 110;
  private static final int ATTEMPTS = 50;
  private static final long ATTEMPTS_APART_NS = 10_000_000;

  /** Runs a command and ends the process with its exit code. */
  public static void main(String[] args) {
    Terminal terminal = Terminal.ofThisProcess();
    int status;
    try {
      LogSettings.use(terminal.env());
      status = run(terminal, CommandWords.of(args));
    } catch (IllegalArgumentException e) {
      status = Failure.report(e, terminal);
    }
    if (GgmlAbort.reason() != null) {
      Runtime.getRuntime().halt(status); // the library's own end would wait for its lost thread
    }
    System.exit(status);
  }

  /** Runs a command; never throws. */
  static int run(Terminal terminal, String... args) {
    try {
      CommandLine line = commandLine(terminal);
      return line.execute(LeadingDash.toTheEnd(args, line));
    } catch (Throwable e) {
      return reported(e, terminal);
    }
  }

  /** What ran out of memory says so when there is some again. */
  private static int reported(Throwable failure, Terminal terminal) {
    for (int i = 0; i < ATTEMPTS; i++) {
      try {
        return Failure.report(failure, terminal);
      } catch (OutOfMemoryError _) {
        LockSupport.parkNanos(ATTEMPTS_APART_NS);
      }
    }
    return FAILED;
  }

  static CommandLine commandLine(Terminal terminal) {
    CommandLine line = new CommandLine(new BatonCli());
    line.getCommandSpec()
        .addOption(
            helpOption("-h", "--help", "Show this help.")
                .usageHelp(true)
                .scopeType(ScopeType.INHERIT)
                .build());
    line.getCommandSpec()
        .addOption(helpOption("-V", "--version", "Show the version.").versionHelp(true).build());
    line.addSubcommand("run", new RunCommand(terminal));
    line.addSubcommand("serve", new ServeCommand(terminal));
    line.addSubcommand("node", new NodeCommand(terminal));
    line.addSubcommand("calibrate", new CalibrateCommand(terminal));
    line.addSubcommand("plan", new PlanCommand(terminal));
    line.addSubcommand("pull", new PullCommand(terminal));
    line.addSubcommand("models", new ModelsCommand(terminal));
    line.addSubcommand("tokenize", new TokenizeCommand(terminal));
    line.addSubcommand("perplexity", new PerplexityCommand(terminal));
    line.addSubcommand("verify", new VerifyCommand(terminal));
    line.addSubcommand("simulate", new SimulateCommand(terminal));
    line.addSubcommand("journal", new JournalCommand(terminal));
    line.addSubcommand("key", new KeyCommand(terminal, new SecureRandom()));
    line.addSubcommand("devices", new DevicesCommand(terminal));
    line.addSubcommand("doctor", new DoctorCommand(terminal));
    line.addSubcommand("completion", new CompletionCommand(terminal));
    line.getSubcommands()
        .values()
        .forEach(command -> command.getCommandSpec().usageMessage().sortOptions(false));
    line.registerConverter(Path.class, BatonCli::path);
    // A prompt may begin with '@' and name a file by chance.
    line.setExpandAtFiles(false);
    line.setUsageHelpWidth(HELP_COLUMNS);
    line.setColorScheme(CommandLine.Help.defaultColorScheme(terminal.ansi()));
    line.setOut(terminal.outWriter());
    line.setErr(terminal.errWriter());
    line.setExecutionStrategy(parsed -> {
      Ranges.check(parsed);
      return new CommandLine.RunLast().execute(parsed);
    });
    line.setParameterExceptionHandler((e, args) -> wrongUsage(e, terminal));
    line.setExecutionExceptionHandler((e, command, parsed) -> Failure.report(e, terminal));
    return line;
  }

  private static OptionSpec.Builder helpOption(String name, String longName, String description) {
    return OptionSpec.builder(name, longName).description(description);
  }

  private static Path path(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(FileName.misfit(text));
    }
  }

  private static int wrongUsage(ParameterException e, Terminal terminal) {
    CommandLine command = e.getCommandLine();
    String see = "; see: " + command.getCommandSpec().qualifiedName() + " --help";
    if (e instanceof UnmatchedArgumentException unmatched) {
      terminal.complain(unknown(unmatched.getUnmatched().getFirst(), command) + see);
    } else if (command.getParent() == null) {
      // No command at all.
      command.usage(terminal.errWriter());
    } else {
      terminal.complain(lowerFirst(Failure.oneLine(e.getMessage())) + see);
    }
    return WRONG_USAGE;
  }

  private static String unknown(String word, CommandLine command) {
    boolean option = word.startsWith("-") && word.length() > 1;
    boolean noCommand = command.getParent() == null && !option;
    Set<String> known =
        option ? command.getCommandSpec().optionsMap().keySet() : command.getSubcommands().keySet();
    String name = Failure.oneLine(word);
    String what =
        option
            ? "unknown option " + name
            : noCommand
                ? "no command is called '" + name + "'"
                : "one argument too many: '" + name + "'";
    boolean text = option && LeadingDash.takesText(command);
    return what
        + NearestName.to(word, known)
            .map(near -> " (did you mean " + near + "?)")
            .orElse(text ? "; put '--' before a text that begins with '-'" : "");
  }

  private static String lowerFirst(String text) {
    boolean word = text.length() > 1 && Character.isLowerCase(text.charAt(1));
    return word ? Character.toLowerCase(text.charAt(0)) + text.substring(1) : text;
  }

  /** The version in the jar's manifest. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"baton " + number()};
    }

    static String number() {
      String version = BatonCli.class.getPackage().getImplementationVersion();
      return version == null ? "0 (not from a jar)" : version;
    }
  }
}
