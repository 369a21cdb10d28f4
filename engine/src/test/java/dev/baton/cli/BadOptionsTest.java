package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Every option of every command with values that it cannot have: one line that names the option or
 * the value, and the exit code. What a command needs besides is given, and a file that is not there
 * keeps it from doing anything.
 */
final class BadOptionsTest {
  private static final Map<String, String> NEEDED =
      Map.ofEntries(
          Map.entry("run", "--model gone.gguf hi"),
          Map.entry("serve", "--model gone.gguf"),
          Map.entry("node", "--model gone.gguf"),
          Map.entry("calibrate", "--model gone.gguf"),
          Map.entry("plan", "--cluster gone.toml --model llama-3.1-8b-f16 --prompt-tokens 10"),
          Map.entry("simulate", "--cluster gone.toml --model llama-3.1-8b-f16 --trace gone.csv"),
          Map.entry("pull", "gone"),
          Map.entry("models", ""),
          Map.entry("tokenize", "--model gone.gguf hi"),
          Map.entry("perplexity", "--model gone.gguf gone.txt"),
          Map.entry("verify", "--model gone.gguf gone.txt"),
          Map.entry("journal", ""),
          Map.entry("key", ""),
          Map.entry("devices", ""),
          Map.entry("doctor", ""),
          Map.entry("completion", ""));

  private static final List<String> NO_NUMBERS = List.of("", "1x", "NaN", "1e999");

  /** Each is taken where the option's range has it, and else refused. */
  private static final List<String> STRANGE_NUMBERS =
      List.of("-1", "0", "-0.5", "2147483648", "99999999999999999999");

  @TempDir Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  static Collection<String> commands() {
    return line().getSubcommands().keySet();
  }

  private static CommandLine line() {
    return BatonCli.commandLine(
        terminal(
            Map.of(),
            java.io.OutputStream.nullOutputStream(),
            java.io.OutputStream.nullOutputStream()));
  }

  private static List<OptionSpec> options(String command) {
    return line().getSubcommands().get(command).getCommandSpec().options();
  }

  @Test
  void shouldKnowEveryCommand() {
    assertEquals(NEEDED.keySet(), new HashSet<>(commands()));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void shouldRefuseNumbersThatAnOptionCannotHave(String command) {
    for (OptionSpec option : options(command)) {
      if (!Number.class.isAssignableFrom(boxed(option.type()))) {
        continue;
      }
      assertNotNull(Ranges.range(option), () -> option.longestName() + " does not say its range");
      for (String value : NO_NUMBERS) {
        refused(2, command, option, value);
      }
      for (String value : STRANGE_NUMBERS) {
        if (!isTaken(option, value)) {
          refused(2, command, option, value);
        }
      }
    }
  }

  /** By the range that the option says itself: that this is a sensible one is for its reader. */
  private static boolean isTaken(OptionSpec option, String value) {
    Within range = Ranges.range(option);
    double number = Double.parseDouble(value);
    boolean whole = boxed(option.type()) == Integer.class || boxed(option.type()) == Long.class;
    double most = boxed(option.type()) == Integer.class ? Integer.MAX_VALUE : range.most();
    return (!whole || (number == Math.rint(number) && !value.contains("e")))
        && number <= Math.min(most, range.most())
        && (Double.isNaN(range.above()) ? number >= range.least() : number > range.above());
  }

  private static Class<?> boxed(Class<?> type) {
    return java.lang.invoke.MethodType.methodType(type).wrap().returnType();
  }

  @Test
  void shouldTakeNoNegativeCountOrTimeAnywhere() {
    Set<String> signed = Set.of("--seed", "--presence-penalty", "--frequency-penalty");
    for (String command : commands()) {
      for (OptionSpec option : options(command)) {
        Within range = Ranges.range(option);
        if (range != null && !signed.contains(option.longestName())) {
          assertTrue(range.least() >= 0 || range.above() >= 0, option.longestName());
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nohost",
        "host:",
        ":4400",
        "host:x",
        "host:-1",
        "host:99999",
        "host:99999999999",
        "http://host:1",
        "::1:4400",
        "[::1:4400",
        "[host]:1",
        "[fe80::1]:4400",
        "[fe80::1%]:44",
        "1.2.3.4.5:6",
        "300.1.1.1:6",
        "224.0.0.1:5",
        "255.255.255.255:5",
        "a b:5",
        "host:4400\n",
      })
  void shouldRefuseAddressesThatAreNone(String address) {
    assertEquals(Set.of("run", "node", "serve", "calibrate"), everyAddress(address, Set.of()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1:0", "0.0.0.0:4400", "[::]:4400"})
  void shouldRefuseAddressesThatAreNoOneNodes(String address) {
    assertEquals(
        Set.of("run", "node", "serve", "calibrate"), everyAddress(address, Set.of("--listen")));
  }

  private Set<String> everyAddress(String address, Set<String> but) {
    Set<String> with = new HashSet<>();
    for (String command : commands()) {
      for (OptionSpec option : options(command)) {
        if ("HOST:PORT".equals(option.paramLabel()) && !but.contains(option.longestName())) {
          refused(2, command, option, address);
          with.add(command);
        }
      }
    }
    return with;
  }

  /** Texts, files and names: taken or refused, but never with what only a programmer can read. */
  @ParameterizedTest
  @MethodSource("commands")
  void shouldAnswerStrangeTextsInOneLine(String command) {
    for (OptionSpec option : options(command)) {
      if (option.arity().max() == 0 || Number.class.isAssignableFrom(boxed(option.type()))) {
        continue;
      }
      for (String value : List.of("", "\u0000", "gone/a\nb", "/")) {
        run(command, option.longestName() + "=" + value);
        readable(command + " " + option.longestName() + "='" + value + "'");
      }
    }
  }

  private void refused(int status, String command, OptionSpec option, String value) {
    String what = command + " " + option.longestName() + "='" + value + "'";
    assertEquals(status, run(command, option.longestName() + "=" + value), what + err());
    readable(what);
    assertTrue(err().contains(option.longestName()), () -> what + " names no option: " + err());
  }

  private void readable(String what) {
    assertTrue(err().lines().count() <= 1, () -> what + ": " + err());
    assertTrue(
        Stream.of("internal error", "java.", "sun.", "jdk.", "Exception", "Error", "null", "\tat ")
            .noneMatch(err()::contains),
        () -> what + ": " + err());
  }

  private int run(String command, String last) {
    out.reset();
    err.reset();
    List<String> words = new ArrayList<>(List.of(command, last));
    Stream.of(NEEDED.get(command).split(" ")).filter(word -> !word.isEmpty()).forEach(words::add);
    String name = last.substring(0, last.indexOf('='));
    int at = words.indexOf(name);
    if (at > 1) { // given twice is another error
      words.subList(at, at + 2).clear();
    }
    Map<String, String> env = new HashMap<>(Map.of("BATON_HOME", folder.toString()));
    return BatonCli.run(terminal(env, out, err), words.toArray(String[]::new));
  }

  private static Terminal terminal(
      Map<String, String> env, java.io.OutputStream out, java.io.OutputStream err) {
    return new Terminal(
        new ByteArrayInputStream(new byte[0]),
        out,
        new PrintStream(err, true, UTF_8),
        false,
        false,
        env);
  }

  private String err() {
    return err.toString(UTF_8);
  }
}
