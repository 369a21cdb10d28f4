package dev.baton.bench.peer;

import dev.baton.bench.process.ChildProcess;
import dev.baton.bench.report.WrongResult;
import dev.baton.clusterfile.TomlSection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Any command that tells how fast it was, by a file that says how it is called and read.
 *
 * <pre>{@code
 * command = ["./other-bench", "-m", "{model}", "-t", "{threads}"]  # for both, or one in each table
 *
 * [prefill]                            # either table may be missing
 * command = ["./other-bench", "-m", "{model}", "-t", "{threads}", "-p", "{prompt}", "-n", "0"]
 * json = "/0/avg_ts"                   # a JSON pointer into what it prints on stdout
 * expect = ["/0/n_prompt={prompt}"]    # what else has to stand there
 *
 * [decode]                             # of {output} tokens behind {prompt} tokens
 * pattern = 'eval time.* ([0-9.]+) tokens per second'  # or a pattern whose group is the figure
 * }</pre>
 *
 * <p>The figure is tokens a second. A pattern is looked for on stdout, then on stderr, and has to
 * fit once.
 */
final class AdapterPeer implements Peer {
  private static final Set<String> ROOT_KEYS = Set.of("command", "prefill", "decode");
  private static final Set<String> KEYS = Set.of("command", "json", "pattern", "expect");
  private static final Set<String> WORDS = Set.of("model", "threads", "prompt", "output");
  private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z]+)}");

  /** How one of the two speeds is had. */
  private record Measure(List<String> command, SpeedReading reading) {}

  private final String name;
  private final Path model;
  private final @Nullable Measure prefill;
  private final @Nullable Measure decode;

  private AdapterPeer(
      String name, Path model, @Nullable Measure prefill, @Nullable Measure decode) {
    this.name = name;
    this.model = model;
    this.prefill = prefill;
    this.decode = decode;
  }

  /**
   * Reads an adapter file; runs nothing.
   *
   * @param name for figures
   * @param model the file for both engines
   * @throws IllegalArgumentException if it cannot be read or makes no sense, in one line
   */
  static AdapterPeer read(String name, Path file, Path model) {
    String text;
    try {
      text = Files.readString(file);
    } catch (IOException e) {
      throw new IllegalArgumentException("cannot read the adapter " + file + " as UTF-8 text", e);
    }
    TomlSection root = TomlSection.parse(file.toString(), text);
    root.allowOnly(ROOT_KEYS);
    List<String> shared = root.has("command") ? command(root) : List.of();
    Measure prefill = root.section("prefill").map(table -> measure(table, shared)).orElse(null);
    Measure decode = root.section("decode").map(table -> measure(table, shared)).orElse(null);
    if (prefill == null && decode == null) {
      throw root.wrong("prefill", "an adapter has a table [prefill], [decode] or both");
    }
    return new AdapterPeer(name, model, prefill, decode);
  }

  private static Measure measure(TomlSection table, List<String> shared) {
    table.allowOnly(KEYS);
    List<String> command = table.has("command") ? command(table) : shared;
    if (command.isEmpty()) {
      throw table.wrong("command", "how is it called? [\"program\", \"-m\", \"{model}\", …]");
    }
    return new Measure(command, SpeedReading.of(table, template -> checked(table, template)));
  }

  private static List<String> command(TomlSection table) {
    List<String> words = table.texts("command");
    if (words.isEmpty() || words.getFirst().isBlank()) {
      throw table.wrong("command", "the first word is the program");
    }
    words.forEach(word -> requireKnown(table, "command", word));
    if (words.stream().noneMatch(word -> word.contains("{model}"))) {
      throw table.wrong("command", "no word is {model}, so another model could be measured");
    }
    return words;
  }

  private static String checked(TomlSection table, String template) {
    requireKnown(table, "expect", template);
    return template;
  }

  private static void requireKnown(TomlSection table, String key, String template) {
    PLACEHOLDER
        .matcher(template)
        .results()
        .filter(found -> !WORDS.contains(found.group(1)))
        .findFirst()
        .ifPresent(found -> {
          throw table.wrong(
              key,
              "nothing stands for "
                  + found.group()
                  + ", there are {model}, {threads}, {prompt} and {output}");
        });
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public boolean prefills() {
    return prefill != null;
  }

  @Override
  public boolean decodes() {
    return decode != null;
  }

  @Override
  public double prefill(int threads, int tokens) throws InterruptedException {
    return run(prefill, values(threads, tokens, 0));
  }

  @Override
  public double decode(int threads, int depth, int tokens) throws InterruptedException {
    return run(decode, values(threads, depth, tokens));
  }

  private Map<String, String> values(int threads, int prompt, int output) {
    return Map.of(
        "model",
        model.toString(),
        "threads",
        Integer.toString(threads),
        "prompt",
        Integer.toString(prompt),
        "output",
        Integer.toString(output));
  }

  private double run(@Nullable Measure measure, Map<String, String> values)
      throws InterruptedException {
    if (measure == null) {
      throw new IllegalStateException(name + " does not measure this");
    }
    List<String> command = measure.command.stream().map(word -> filled(word, values)).toList();
    try {
      ChildProcess.Printed printed = ChildProcess.run(command, Peer::lastLine);
      return measure.reading.tokensPerSecond(printed, template -> filled(template, values));
    } catch (WrongResult e) {
      throw new WrongResult(name + ": " + String.join(" ", command) + ": " + e.reason());
    }
  }

  private static String filled(String template, Map<String, String> values) {
    return PLACEHOLDER
        .matcher(template)
        .replaceAll(found ->
            Optional.ofNullable(values.get(found.group(1)))
                .map(java.util.regex.Matcher::quoteReplacement)
                .orElseThrow());
  }
}
