package dev.baton.bench.split;

import dev.baton.bench.report.Progress;
import dev.baton.bench.report.WrongResult;
import dev.baton.bench.stream.ShapedLink;
import dev.baton.catalog.CatalogException;
import dev.baton.cli.ContextOption;
import dev.baton.cli.Within;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code baton bench regret}: the planner's choices against what could have been chosen. */
@Command(
    name = "regret",
    header =
        "Measure how good the planner's choices are, against every other way to cut a request.",
    sortOptions = false,
    description = {
      "%nTwo unlike nodes with a core each (a prefill node with the machine's best instructions, a"
          + " decode process held to AVX2 where they are wider) and a shaped link between them."
          + " Requests of every shape really run: local, remote, cut at boundary layers spread over"
          + " the model, and as the planner chooses. Regret is the time of the planner's choice"
          + " over that of the best of the others, minus one.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton bench regret --model smollm2-135m",
      "  baton bench regret --model baton-tiny --rate 300 --prompt 64,512 --output 1,16 --json"
    })
public final class RegretCommand implements Callable<Integer> {
  private static final int DONE = 0;
  private static final int FAILED = 1;

  private final PrintStream out;
  private final Progress progress;

  @Mixin private ModelChoice model = new ModelChoice("smollm2-135m");

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--rate",
      split = ",",
      paramLabel = "MBIT",
      defaultValue = "100,300,1000",
      description = "Links, in Mbit/s (default: ${DEFAULT-VALUE}).")
  @Within(least = 10, most = 100_000)
  private int[] megabitsPerSecond = {};

  @Option(
      names = "--prompt",
      split = ",",
      paramLabel = "TOKENS",
      defaultValue = "64,128,256,512,1024,2048",
      description = "Prompts' lengths (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = Integer.MAX_VALUE / 2)
  private int[] promptTokens = {};

  @Option(
      names = "--output",
      split = ",",
      paramLabel = "TOKENS",
      defaultValue = "1,8,32,64",
      description =
          "Answers' lengths, each with each prompt that leaves room for it in the context (default:"
              + " ${DEFAULT-VALUE}).")
  @Within(least = 1, most = Integer.MAX_VALUE / 2)
  private int[] outputTokens = {};

  @Option(
      names = "--repeat",
      paramLabel = "N",
      defaultValue = "2",
      description =
          "Runs of each candidate, of which the median counts; up to twelve times as many where"
              + " they take less than two seconds together (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 100)
  private int repeat;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Of the prompts' tokens and the candidates' order (default: ${DEFAULT-VALUE}).")
  @Within(least = Long.MIN_VALUE, most = Long.MAX_VALUE)
  private long seed;

  @Option(names = "--json", description = "Print one JSON object, with every run.")
  private boolean json;

  public RegretCommand(PrintStream out, PrintStream err) {
    this.out = out;
    this.progress = new Progress(err);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    String missing = UnlikePair.whyMissing();
    if (missing != null) {
      return refuse("unavailable", "not measured: " + missing);
    }
    Path file;
    try {
      file = model.file();
    } catch (CatalogException e) {
      return refuse("unavailable", "not measured: " + e.getMessage());
    }
    List<LinkRegret> links = new ArrayList<>();
    try {
      for (int rate : megabitsPerSecond) {
        LinkRegret link = measure(file, rate);
        progress.clear();
        links.add(link);
        if (!json) {
          out.println(RegretTable.of(link));
        }
      }
    } catch (WrongResult e) {
      progress.clear();
      return refuse("wrong", "WRONG: " + e.reason());
    }
    out.print(json ? asJson(links) + System.lineSeparator() : RegretTable.summary(links));
    return DONE;
  }

  private LinkRegret measure(Path file, int rate) throws IOException, InterruptedException {
    progress.show(rate + " Mbit/s: both nodes and their link");
    try (UnlikePair pair =
        new UnlikePair(
            file, PairKind.here(), context.tokens(), ShapedLink.at(rate * 1_000_000L).prefix())) {
      RegretGrid grid = new RegretGrid(pair, repeat, seed);
      List<ShapeRegret> shapes = new ArrayList<>();
      for (int prompt : promptTokens) {
        for (int output : outputTokens) {
          if (grid.fits(prompt, output)) {
            progress.show(rate + " Mbit/s: " + prompt + " tokens, " + output + " after them");
            shapes.add(grid.measure(prompt, output));
          }
        }
      }
      if (shapes.isEmpty()) {
        throw new IllegalArgumentException(
            "no shape fits the model's context of "
                + pair.facts().contextTokens()
                + " tokens: use a shorter --prompt");
      }
      return new LinkRegret(rate, pair.facts(), pair.profile(), shapes);
    }
  }

  private int refuse(String kind, String why) {
    out.println(json ? JsonMapper.shared().writeValueAsString(Map.of(kind, why)) : why);
    return FAILED;
  }

  private String asJson(List<LinkRegret> links) {
    List<ShapeRegret> all = links.stream().flatMap(link -> link.shapes().stream()).toList();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("model", model.nameOrPath());
    facts.put("repeat", repeat);
    facts.put("seed", seed);
    facts.put("figures", RegretFigures.of(all));
    facts.put(
        "links",
        links.stream()
            .map(link -> Map.of("figures", RegretFigures.of(link.shapes()), "measured", link))
            .toList());
    return JsonMapper.shared().writeValueAsString(facts);
  }
}
