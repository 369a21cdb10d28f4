package dev.baton.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** What {@code --help} shows can be typed as it stands. */
final class HelpExamplesTest {
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");
  private static final Pattern REMOTE = Pattern.compile("(--listen|--prefill) 192\\.168\\.");

  private final CommandLine line = ReadmeTest.silent();

  private List<String> examples() {
    return Stream.concat(Stream.of(line), line.getSubcommands().values().stream())
        .flatMap(command -> Arrays.stream(command.getCommandSpec().usageMessage().footer()))
        .map(String::strip)
        .filter(text -> text.startsWith("baton ") || text.contains("(baton "))
        .filter(text -> !text.contains("COMMAND"))
        .toList();
  }

  @Test
  void shouldBeWhatAShellReads() throws Exception {
    assertTrue(examples().size() > 20);
    for (String example : examples()) {
      Process shell = shell(example);
      assertEquals(0, shell.waitFor(), example);
    }
  }

  /** Reads it, and runs nothing. */
  private static Process shell(String example) throws IOException {
    return new ProcessBuilder("bash", "-n", "-c", example).inheritIO().start();
  }

  @Test
  void shouldBeWhatTheCommandTakes() {
    for (String example : examples()) {
      String plain = example.split(" [|<>#] ?", 2)[0];
      if (plain.startsWith("baton ")) {
        line.parseArgs(
            WORD.matcher(plain.substring("baton ".length()))
                .results()
                .map(word -> word.group(1) != null ? word.group(1) : word.group(2))
                .toArray(String[]::new));
      }
    }
  }

  /** Between machines nothing goes without a key. */
  @Test
  void shouldNameTheKeyWhereItSpeaksOfAnotherMachine() {
    for (String example : examples()) {
      if (REMOTE.matcher(example).find()) {
        assertTrue(example.contains("--cluster-key-file "), example);
      }
    }
  }
}
