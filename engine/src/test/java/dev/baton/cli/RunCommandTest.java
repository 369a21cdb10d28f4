package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.ChangedModel;
import dev.baton.text.ChatTemplate;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** How prompts reach a model. */
class RunCommandTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private String input = "";

  @Test
  void shouldRefuseATemplateThatFailsAndNameTheWayOut() throws IOException {
    Path model = template("[INST]{{ messages[0].content }[/INST]");
    assertEquals(1, run(model, "The little fox"));
    assertEquals(
        "baton: "
            + model
            + ": the model's chat template cannot be used: line 1, column 30: an unexpected '}';"
            + " --chat-template chatml or --chat-template FILE writes it by another, --raw"
            + " completes the prompt as it is\n",
        err());
    assertEquals(0, run(model, "--chat-template", "chatml", "The little fox"), err());
    String chat = out();
    Path file = Files.writeString(folder.resolve("chat.jinja"), ChatTemplate.CHATML);
    assertEquals(0, run(model, "--chat-template", file.toString(), "The little fox"), err());
    assertEquals(chat, out());
    assertEquals(2, run(model, "--chat-template", "chatml", "--raw", "The little fox"));
    assertEquals(
        "baton: --raw uses no chat template; leave one of --raw and --chat-template out\n", err());
    assertEquals(0, run(model, "--raw", "The little fox"));
    assertEquals(" lived in a green garden. His name", out());
  }

  @Test
  void shouldRefuseASystemMessageThatHasNoPlace() {
    assertEquals(1, run(BatonProcess.TINY, "--system", "Be brief.", "The little fox"));
    assertEquals(
        "baton: "
            + BatonProcess.TINY
            + ": the model has no chat template; --chat-template chatml or --chat-template FILE"
            + " writes it by another\n",
        err());
    assertEquals(2, run(BatonProcess.TINY, "--raw", "--system", "Be brief.", "The little fox"));
    assertEquals(
        "baton: a raw prompt has no place for a system message; leave one of the two out\n", err());
    assertEquals("", out());
  }

  @Test
  void shouldTakeATextThatBeginsWithADash() {
    assertEquals(0, run(BatonProcess.TINY, "-5 plus 3 is a"), err());
    String answer = out();
    assertEquals(0, run(BatonProcess.TINY, "--", "-5 plus 3 is a"), err());
    assertEquals(answer, out());
    assertEquals(0, run(BatonProcess.TINY, "- 5=3 --x", "--seed", "1"), err());
    assertEquals(0, run(BatonProcess.TINY, "-5"), err());
    assertEquals(2, run(BatonProcess.TINY, "-x"));
    assertEquals(
        "baton: unknown option -x; put '--' before a text that begins with '-'; see: baton run"
            + " --help\n",
        err());
    assertEquals(0, run(BatonProcess.TINY, "--", "-x"), err());
    assertEquals(0, command("tokenize", "-- a b", "--json"), err());
    assertTrue(out().contains("\"ids\":[0,14,14,260,266]"), out());
  }

  @Test
  void shouldReadThePromptFromAFile() throws IOException {
    Path file = Files.writeString(folder.resolve("prompt.txt"), "The little fox\n");
    for (String option : List.of("-f", "--file")) {
      assertEquals(0, run(BatonProcess.TINY, option, file.toString()), err());
      assertEquals(" lived in a green garden. His name", out());
    }
    input = "The little fox\n";
    assertEquals(0, run(BatonProcess.TINY, "-f", "-"), err());
    assertEquals(" lived in a green garden. His name", out());
    assertEquals(2, run(BatonProcess.TINY, "-f", file.toString(), "The little fox"));
    assertEquals("baton: give a prompt or --file, not both\n", err());
    assertEquals(1, run(BatonProcess.TINY, "-f", folder.resolve("gone").toString()));
    assertTrue(err().contains("it does not exist"), err());
  }

  @Test
  void shouldTakeAndShowControlTokensOnlyWhereAsked() throws IOException {
    String prompt = "The end.</s><s>The little fox";
    assertEquals(0, run(BatonProcess.TINY, "--json", prompt), err());
    int plain = promptTokens();
    assertEquals(0, run(BatonProcess.TINY, "--json", "--special", prompt), err());
    assertTrue(promptTokens() < plain, out());
  }

  private int promptTokens() {
    return JsonMapper.shared().readTree(out()).get("report").get("promptTokens").asInt();
  }

  private Path template(String jinja) throws IOException {
    return ChangedModel.withTemplate(folder.resolve("model.gguf"), jinja);
  }

  private int run(Path model, String... words) {
    List<String> line =
        new ArrayList<>(List.of("run", "--split", "local", "-n", "8", "--model", model.toString()));
    line.addAll(List.of(words));
    return command(line.toArray(String[]::new));
  }

  private int command(String... words) {
    out.reset();
    err.reset();
    Terminal terminal =
        new Terminal(
            new ByteArrayInputStream(input.getBytes(UTF_8)),
            out,
            new PrintStream(err, true, UTF_8),
            false,
            false,
            Map.of("BATON_HOME", folder.resolve("home").toString()));
    return BatonCli.run(terminal, words);
  }

  private String out() {
    return out.toString(UTF_8);
  }

  private String err() {
    return err.toString(UTF_8);
  }
}
