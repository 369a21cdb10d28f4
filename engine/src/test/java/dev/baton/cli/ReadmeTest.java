package dev.baton.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What the README shows works. */
final class ReadmeTest {
  private static final Path README = Path.of("..", "README.md");

  @TempDir Path folder;

  @Test
  void shouldCompileItsExample() throws IOException {
    List<String> blocks = blocks("java");
    assertEquals(1, blocks.size());
    Path source = Files.writeString(folder.resolve("Example.java"), blocks.getFirst());
    StringWriter messages = new StringWriter();

    boolean compiled =
        ToolProvider.getSystemJavaCompiler()
            .getTask(
                messages,
                null,
                null,
                List.of(
                    "-d",
                    folder.toString(),
                    "-proc:none",
                    "-cp",
                    System.getProperty("java.class.path")),
                null,
                ToolProvider.getSystemJavaCompiler()
                    .getStandardFileManager(null, null, null)
                    .getJavaFileObjects(source))
            .call();

    assertTrue(compiled, messages.toString());
  }

  /** The command line of a process that nobody reads. */
  static CommandLine silent() {
    return BatonCli.commandLine(
        new Terminal(
            InputStream.nullInputStream(),
            OutputStream.nullOutputStream(),
            new PrintStream(OutputStream.nullOutputStream()),
            false,
            false,
            Map.of()));
  }

  @Test
  void shouldShowCommandsThatExist() throws IOException {
    CommandLine line = silent();
    List<String> commands = new ArrayList<>();
    for (String block : blocks("sh")) {
      block.lines().filter(text -> text.startsWith("./baton ")).forEach(commands::add);
    }
    assertFalse(commands.isEmpty());
    for (String command : commands) {
      line.parseArgs(words(command.substring("./baton ".length())));
    }
  }

  private static List<String> blocks(String language) throws IOException {
    Matcher blocks =
        Pattern.compile("```" + language + "\\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(README));
    return blocks.results().map(block -> block.group(1)).toList();
  }

  /**
   * The words of a line as a shell sees them, as far as the README goes: blanks between, quotes
   * around.
   */
  private static String[] words(String line) {
    return Pattern.compile("\"([^\"]*)\"|(\\S+)")
        .matcher(line)
        .results()
        .map(word -> word.group(1) != null ? word.group(1) : word.group(2))
        .toArray(String[]::new);
  }
}
