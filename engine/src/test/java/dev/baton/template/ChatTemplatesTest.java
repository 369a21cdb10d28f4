package dev.baton.template;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** The chat templates that models have, as jinja2 renders them; their README says whence. */
class ChatTemplatesTest {
  private static final int DIGITS = 12;
  private static final Map<String, String> SOURCES = new HashMap<>();
  private static final List<Map<String, @Nullable Object>> CONVERSATIONS = new ArrayList<>();

  @BeforeAll
  static void find() throws IOException {
    String folder = System.getenv().getOrDefault("BATON_LLAMA_CPP", "");
    assumeFalse(
        folder.isBlank(),
        "BATON_LLAMA_CPP names no folder with llama.cpp's sources (.ci/run brings one)");
    try (Stream<Path> files = Files.list(Path.of(folder, "source", "models", "templates"))) {
      for (Path file : files.filter(each -> each.toString().endsWith(".jinja")).toList()) {
        String source = Files.readString(file);
        SOURCES.put(digest(source), source);
      }
    }
    for (JsonNode each : JinjaCases.json("conversations.json")) {
      CONVERSATIONS.add(JinjaCases.variables(each));
    }
  }

  private static String digest(String text) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String[]> renders() throws IOException {
    try (var in = JinjaCases.open("renders.txt")) {
      return new String(in.readAllBytes(), UTF_8).lines().map(line -> line.split(" ")).toList();
    }
  }

  private static String render(String source, Map<String, @Nullable Object> conversation) {
    try {
      return digest(JinjaCases.text(source, conversation)).substring(0, DIGITS);
    } catch (TemplateException e) {
      String why = String.valueOf(e.getMessage());
      assertTrue(why.matches("line \\d+, column \\d+: .+"), why);
      return "-";
    }
  }

  @Test
  void shouldRenderEveryTemplateAsJinja2Does() throws IOException {
    int known = 0;
    int rendered = 0;
    for (String[] line : renders()) {
      String source = SOURCES.get(line[0]);
      if (source == null) {
        continue;
      }
      known++;
      String[] expected = line[2].split(",");
      assertEquals(CONVERSATIONS.size(), expected.length);
      for (int i = 0; i < expected.length; i++) {
        String of = line[1] + " of conversation " + i;
        assertEquals(expected[i], render(source, CONVERSATIONS.get(i)), of);
        rendered += expected[i].equals("-") ? 0 : 1;
      }
    }
    assertTrue(known >= 60, known + " of " + SOURCES.size() + " templates are known");
    assertTrue(rendered >= 2400, rendered + " renders");
  }

  @Test
  void shouldMarkAllThatPeopleWroteAndNothingElse() {
    String needle = "\uE123needle\uE124";
    Map<String, Object> conversation =
        Map.of(
            "messages",
            List.of(
                Map.of("role", new Template.Trusted("system"), "content", needle),
                Map.of("role", new Template.Trusted("user"), "content", needle)),
            "add_generation_prompt",
            true);
    for (String source : SOURCES.values()) {
      List<Template.Piece> pieces;
      try {
        pieces = Template.parse(source).render(conversation, JinjaCases.NOW);
      } catch (TemplateException _) {
        continue; // wants more than this
      }
      for (Template.Piece piece : pieces) {
        assertEquals(piece.marked(), piece.text().contains("needle"), piece.text());
      }
    }
  }
}
