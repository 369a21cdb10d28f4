package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads the golden files; their README says what is in them. */
final class GoldenCases {
  static final Path BATON_TINY =
      Path.of("src", "main", "resources", "dev", "baton", "catalog", "baton-tiny-q8_0.gguf");

  private GoldenCases() {}

  record Case(String text, boolean addSpecial, boolean parseSpecial, int[] ids) {}

  static List<Case> of(String file) throws IOException {
    return cases(json(file));
  }

  /** The SmolLM2 cases for one pre-tokenizer. */
  static List<Case> ofSmolLm2(String preTokenizer) throws IOException {
    return cases(json("smollm2-part-golden.json").get("cases").get(preTokenizer));
  }

  /** As much of SmolLM2's vocabulary as the cases can meet; the places between are unused. */
  static Vocabulary smolLm2(String preTokenizer) throws IOException {
    JsonNode json = json("smollm2-part-golden.json");
    Map<Integer, Vocabulary.Token> known = new HashMap<>();
    for (JsonNode token : json.get("tokens")) {
      known.put(
          token.get(0).asInt(),
          new Vocabulary.Token(
              token.get(1).asString(), 0f, TokenType.numbered(token.get(2).asInt())));
    }
    List<Vocabulary.Token> tokens = new ArrayList<>();
    for (int id = 0; id < json.get("size").asInt(); id++) {
      tokens.add(
          known.getOrDefault(id, new Vocabulary.Token("left out " + id, 0f, TokenType.UNUSED)));
    }
    List<String> merges = new ArrayList<>();
    json.get("merges").forEach(merge -> merges.add(merge.asString()));
    return new Vocabulary(
        new Vocabulary.Scheme.RankedBytePairs(PreTokenizer.named(preTokenizer), merges),
        tokens,
        new Vocabulary.SpecialIds(1, 2, 0, Set.of(0, 2, 4)),
        new Vocabulary.Framing(false, false, false));
  }

  /** A file of {@code shared/}, which lies beside the project or one of the folders above it. */
  static Optional<Path> shared(String path) {
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      Path file = folder.resolve("shared").resolve(path);
      if (Files.exists(file)) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }

  static void assertEncodes(Tokenizer tokenizer, List<Case> cases) {
    assertFalse(cases.isEmpty());
    for (Case each : cases) {
      assertArrayEquals(
          each.ids(),
          tokenizer.encode(each.text(), each.addSpecial(), each.parseSpecial()),
          () ->
              "text <"
                  + each.text()
                  + "> add "
                  + each.addSpecial()
                  + " parse "
                  + each.parseSpecial());
    }
  }

  private static List<Case> cases(JsonNode json) {
    List<Case> cases = new ArrayList<>();
    for (JsonNode each : json) {
      List<Integer> ids = new ArrayList<>();
      each.get("ids").forEach(id -> ids.add(id.asInt()));
      cases.add(
          new Case(
              each.get("text").asString(),
              each.get("addSpecial").asBoolean(),
              each.get("parseSpecial").asBoolean(),
              ids.stream().mapToInt(Integer::intValue).toArray()));
    }
    return cases;
  }

  private static JsonNode json(String file) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(GoldenCases.class.getResourceAsStream(file), file)) {
      return JsonMapper.shared().readTree(in);
    }
  }
}
