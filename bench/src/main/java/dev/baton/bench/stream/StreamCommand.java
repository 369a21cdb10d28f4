package dev.baton.bench.stream;

import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.ReportTable;
import dev.baton.cli.ContextOption;
import dev.baton.cli.Within;
import dev.baton.kvstream.KvSink;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench stream}: the stream's figures, each from results that were checked. */
@Command(
    name = "stream",
    header = "Measure the KV stream against raw Aeron, against the link, and behind compute.",
    sortOptions = false,
    description = {
      "%nloopback  nothing computed: one KV cache to another, against raw Aeron and AES-256-GCM",
      "shaped    the same over links of a given rate, in network namespaces of its own",
      "hidden    what of a transfer hides behind the prefill on a link scaled to this machine",
      "pair      two one-core nodes that share a prefill, against one%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton bench stream --what loopback --seconds 5",
      "  baton bench stream --what hidden,pair --model smollm2-135m --json"
    })
public final class StreamCommand implements Callable<Integer> {
  /** The parts, and all of them. */
  enum What {
    loopback,
    shaped,
    hidden,
    pair,
    all
  }

  private static final int DONE = 0;
  private static final int FAILED = 1;

  private final PrintStream out;
  private final Progress progress;
  private final UnaryOperator<KvSink> interference;

  @Option(
      names = "--what",
      split = ",",
      paramLabel = "PART",
      defaultValue = "all",
      description = "${COMPLETION-CANDIDATES}; several with commas (default: ${DEFAULT-VALUE}).")
  private List<What> what = List.of(What.all);

  @Option(
      names = "--mtu",
      split = ",",
      paramLabel = "BYTES",
      defaultValue = "65504,8192,1408",
      description = "Aeron's MTUs for loopback and shaped (default: ${DEFAULT-VALUE}).")
  @Within(least = 512, most = 65_504)
  private int[] mtuBytes = {};

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "8",
      description =
          "How long each line is measured; three rounds at the least (default: ${DEFAULT-VALUE}).")
  @Within(above = 0, most = 3600)
  private double seconds;

  @Option(
      names = "--shape",
      split = ",",
      paramLabel = "SHAPE",
      defaultValue = "llama-8b,smollm2",
      description = "Whose KV loopback moves: llama-8b, smollm2, tiny (default: ${DEFAULT-VALUE}).")
  private String[] shapes = {};

  @Option(
      names = "--rate",
      split = ",",
      paramLabel = "MBIT",
      defaultValue = "100,1000,2500",
      description = "Links for shaped, in Mbit/s (default: ${DEFAULT-VALUE}).")
  @Within(least = 10, most = 100_000)
  private int[] megabitsPerSecond = {};

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      defaultValue = "smollm2-135m",
      description = "For hidden and pair: a name or a GGUF file (default: ${DEFAULT-VALUE}).")
  private String model = "";

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--prompt",
      split = ",",
      paramLabel = "TOKENS",
      defaultValue = "2048,8192",
      description =
          "Prompts for hidden, cut so that the answer fits the context (default:"
              + " ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int[] promptTokens = {};

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  public StreamCommand(PrintStream out, PrintStream err) {
    this(out, err, UnaryOperator.identity());
  }

  /**
   * @param interference stands between the stream and the destination cache; the identity, except
   *     in a test of the comparison
   */
  StreamCommand(PrintStream out, PrintStream err, UnaryOperator<KvSink> interference) {
    this.out = out;
    this.progress = new Progress(err);
    this.interference = interference;
  }

  @Override
  public Integer call() throws Exception {
    requireSound();
    Set<What> asked = EnumSet.copyOf(what);
    Set<What> parts = asked.contains(What.all) ? EnumSet.complementOf(EnumSet.of(What.all)) : asked;
    List<PartReport> reports = new ArrayList<>();
    boolean failed = false;
    for (What part : parts) {
      String load = loadNote();
      PartReport report = run(part).withNote(load);
      progress.clear();
      reports.add(report);
      failed |= report.wrong() != null || (report.unavailable() != null && asked.contains(part));
      if (!json) {
        out.println(ReportTable.of(report));
      }
    }
    if (json) {
      out.println(JsonMapper.shared().writeValueAsString(Map.of("parts", reports)));
    }
    return failed ? FAILED : DONE;
  }

  /** How much of the machine others had before the part began. */
  private static String loadNote() {
    OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
    return String.format(
        Locale.ROOT,
        "load average before: %.1f on %d processors%s",
        system.getSystemLoadAverage(),
        system.getAvailableProcessors(),
        system.getSystemLoadAverage() > system.getAvailableProcessors() / 2.0
            ? "; others were busy, times are noisy"
            : "");
  }

  private void requireSound() {
    for (int mtu : mtuBytes) {
      if (mtu % 32 != 0) {
        throw new IllegalArgumentException("--mtu is a multiple of 32, not " + mtu);
      }
    }
  }

  private PartReport run(What part) throws Exception {
    return switch (part) {
      case loopback ->
          new LoopbackPart(Shape.named(shapes), mtuBytes, seconds, interference).run(progress);
      case shaped -> new ShapedPart(mtuBytes, megabitsPerSecond, seconds).run(progress);
      case hidden ->
          new NodesPart("hidden", model, promptTokens, context.tokens(), seconds).run(progress);
      case pair ->
          new NodesPart("pair", model, promptTokens, context.tokens(), seconds).run(progress);
      case all -> throw new IllegalStateException("all is not a part");
    };
  }
}
