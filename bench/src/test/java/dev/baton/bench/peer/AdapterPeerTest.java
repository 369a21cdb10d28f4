package dev.baton.bench.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.report.WrongResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
final class AdapterPeerTest {
  private static final Path MODEL = Path.of("m.gguf");

  @TempDir Path folder;

  private AdapterPeer peer(String... lines) throws IOException {
    Path file = Files.writeString(folder.resolve("other.toml"), String.join("\n", lines));
    return AdapterPeer.read("other", file, MODEL);
  }

  /** A command that prints {@code text}, whatever it is asked. */
  private static String prints(String text) {
    return "command = [\"sh\", \"-c\", '''echo \"" + text + "\"''', \"{model}\"]";
  }

  private void refused(String said, String... lines) {
    String message = assertThrows(IllegalArgumentException.class, () -> peer(lines)).getMessage();
    assertTrue(message.contains(said), message);
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.contains("other.toml line "), message);
  }

  private static void wrong(String said, ThrowingRun run) {
    String message = assertThrows(WrongResult.class, run::run).getMessage();
    assertTrue(message.contains(said), message);
    assertEquals(1, message.lines().count(), message);
  }

  private interface ThrowingRun {
    void run() throws Exception;
  }

  @Test
  void shouldPutTheMeasurementIntoTheCommandAndReadJsonBehindNoise() throws Exception {
    AdapterPeer peer =
        peer(
            "command = [\"sh\", \"-c\", '''printf \"[warming up]\\n{\\\"of\\\": \\\"$*\\\","
                + " \\\"speed\\\": [7.5]}\\n\"''', \"x\", \"{model}\", \"-t{threads}\","
                + " \"{prompt}+{output}\"]",
            "[prefill]",
            "json = \"/speed/0\"",
            "expect = [\"/of={model} -t2 {prompt}+0\"]",
            "[decode]",
            "json = \"/speed/0\"",
            "expect = [\"/of={model} -t2 128+64\"]");
    assertEquals(7.5, peer.prefill(2, 512));
    assertEquals(7.5, peer.decode(2, 128, 64));
    wrong("not m.gguf -t2 128+64", () -> peer.decode(2, 128, 32));
  }

  @Test
  void shouldReadAFigureInTextOnEitherStream() throws Exception {
    AdapterPeer peer =
        peer("[decode]", prints("eval: 12.25 tok/s"), "pattern = 'eval: ([0-9.]+) tok/s'");
    assertEquals(12.25, peer.decode(1, 0, 8));
    assertTrue(peer.decodes());
    assertFalse(peer.prefills());
  }

  @Test
  void shouldRefuseFiguresThatAreNone() throws Exception {
    wrong(
        "fits 2 times",
        () -> peer("[decode]", prints("1 2"), "pattern = '([0-9])'").decode(1, 0, 8));
    wrong(
        "fits 0 times",
        () -> peer("[decode]", prints("no"), "pattern = '([0-9])'").decode(1, 0, 8));
    wrong(
        "'0' where tokens a second",
        () -> peer("[decode]", prints("0"), "pattern = '([0-9])'").decode(1, 0, 8));
    wrong("no JSON", () -> peer("[decode]", prints("{oops"), "json = '/a'").decode(1, 0, 8));
    wrong("no value at /a", () -> peer("[decode]", prints("{}"), "json = '/a'").decode(1, 0, 8));
    wrong(
        "no memory",
        () ->
            peer(
                    "[decode]",
                    "command = [\"sh\", \"-c\", \"echo first >&2; echo no memory >&2; exit 3\","
                        + " \"{model}\"]",
                    "json = '/a'")
                .decode(1, 0, 8));
    wrong(
        "could not be started",
        () ->
            peer("[decode]", "command = [\"./no-such-bench\", \"{model}\"]", "json = '/a'")
                .decode(1, 0, 8));
  }

  @Test
  void shouldRefuseAdaptersThatMakeNoSense() {
    String command = "command = [\"b\", \"{model}\"]";
    refused("[prefill], [decode] or both", command);
    refused("did you mean decode?", command, "[decoder]", "json = '/a'");
    refused("did you mean pattern?", "[decode]", command, "patern = 'x'");
    refused("no TOML", "[decode");
    refused("how is it called?", "[decode]", "json = '/a'");
    refused("the first word", "[decode]", "command = []", "json = '/a'");
    refused("texts in quotes", "[decode]", "command = \"b {model}\"", "json = '/a'");
    refused("no word is {model}", "[decode]", "command = [\"b\"]", "json = '/a'");
    refused("{promt}", "[decode]", "command = [\"b\", \"{model}\", \"{promt}\"]", "json = '/a'");
    refused("either a JSON pointer", "[decode]", command);
    refused("either a JSON pointer", "[decode]", command, "json = '/a'", "pattern = '(x)'");
    refused("no JSON pointer", "[decode]", command, "json = 'a'");
    refused("one group", "[decode]", command, "pattern = 'x'");
    refused("no regular expression", "[decode]", command, "pattern = '(x'");
    refused("a pointer and its value", "[decode]", command, "json = '/a'", "expect = ['b']");
    refused("only a JSON pointer's", "[decode]", command, "pattern = '(x)'", "expect = ['/a=b']");
    refused("{depth}", "[decode]", command, "json = '/a'", "expect = ['/a={depth}']");
    refused("as a table", "decode = 7");
  }
}
