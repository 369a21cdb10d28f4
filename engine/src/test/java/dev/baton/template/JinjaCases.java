package dev.baton.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Templates, and what jinja2 makes of them. */
final class JinjaCases {
  static final ZonedDateTime NOW =
      LocalDateTime.of(2026, 11, 30, 12, 34, 56).atZone(ZoneOffset.UTC);

  private JinjaCases() {}

  static InputStream open(String file) {
    return Objects.requireNonNull(JinjaCases.class.getResourceAsStream(file), file);
  }

  static JsonNode json(String file) throws IOException {
    try (InputStream in = open(file)) {
      return JsonMapper.shared().readTree(in);
    }
  }

  static Map<String, @Nullable Object> variables(JsonNode json) {
    return JsonMapper.shared()
        .convertValue(json, new TypeReference<Map<String, @Nullable Object>>() {});
  }

  static String text(String jinja, Map<String, ? extends @Nullable Object> variables) {
    return text(Template.parse(jinja), variables);
  }

  static String text(Template template, Map<String, ? extends @Nullable Object> variables) {
    Map<String, @Nullable Object> all = new HashMap<>(variables);
    all.putIfAbsent("bos_token", new Template.Trusted("<s>"));
    all.putIfAbsent("eos_token", new Template.Trusted("</s>"));
    return template.render(all, NOW).stream()
        .map(Template.Piece::text)
        .collect(Collectors.joining());
  }

  /**
   * Asserts what {@code fuzz.py} says: pairs of a template and its text, null for a refusal.
   *
   * @return how many
   */
  static int check(JsonNode fuzzed) {
    Map<String, @Nullable Object> variables = variables(fuzzed.get("variables"));
    int count = 0;
    for (JsonNode each : fuzzed.get("cases")) {
      String jinja = each.get(0).asString();
      if (each.get(1).isNull()) {
        assertThrows(TemplateException.class, () -> text(jinja, variables), jinja);
      } else {
        assertEquals(each.get(1).asString(), text(jinja, variables), jinja);
      }
      count++;
    }
    return count;
  }
}
