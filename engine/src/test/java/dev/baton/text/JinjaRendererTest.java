package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is expected is what Python's jinja2 3.1.6 makes of it, set up as transformers does. */
class JinjaRendererTest {
  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      ignoreLeadingAndTrailingWhitespace = false,
      value = {
        "a {{ 1 }} b =>a 1 b ",
        "a {{- 1 -}} b=>a1b",
        "a ¶  {% if 1 %}¶ x¶  {%- endif %}¶ y=>a ¶ x y",
        "a¶  {%+ if 1 %}x{% endif +%}¶ y=>a¶  x¶ y",
        "  {% set a = 1 %}¶  {{ a }}¶=>  1",
        "a¶  {# note #}¶b{#- c -#} ¶ d=>a¶bd",
        "{% if false %}1{% elif none %}2{% else %}3{% endif %}=>3",
        "{% for i in [1, 2] %}{{ loop.index0 }}{{ loop.last }},{% endfor %}=>0False,1True,",
        "{% for k, v in [('a', 1), ('b', 2)] %}{{ k ~ v }}{% endfor %}=>a1b2",
        "{% for m in messages if m.role == 'user' %}{{ loop.index }}{% else %}-{% endfor %}=>1",
        "{% for m in none_there %}x{% else %}-{% endfor %}=>-",
        "{% set a = 1 %}{% for i in [1] %}{% set a = 2 %}{% endfor %}{{ a }}=>1",
        "{% set n = namespace(a=1) %}{% for i in [1] %}{% set n.a = n.a + 1 %}{% endfor %}{{ n.a"
            + " }}=>2",
        "{% set a %}x{{ 1 }}{% endset %}[{{ a }}]=>[x1]",
        "{% macro f(a, b='2') %}{{ a ~ b }}{% endmacro %}{{ f(1) }}{{ f(1, b=3) }}=>1213",
        "{% generation %}x{% endgeneration %}=>x",
        "{{ 'a' + ' b ' | trim + 'c' }}=>abc",
        "{{ (' a' + 'b ') | trim }}=>ab",
        "{{ '%}' ~ \"'\" ~ '\\'\\n\\x41\\u00e9\\q' }}=>%}''¶Aé\\q",
        "{{ 'a' 'b' }}=>ab",
        "{{ 1 if x is defined else 2 }}{{ 'y' if false }}=>2",
        "{{ not x and 3 or 4 }}=>3",
        "{{ 1 < 2 < 3 }}{{ 3 not in [1, 2] }}{{ 'b' in 'abc' }}{{ 'role' in messages[0]"
            + " }}=>TrueTrueTrueTrue",
        "{{ 7 // 2 }}{{ -7 % 3 }}{{ 2 + 3 * 4 }}{{ -1 }}=>3214-1",
        "{{ messages[-1]['content'] }}{{ messages[1:] | length }}{{ messages[::-1][0].role"
            + " }}=>Hi1user",
        "{{ messages[0].nothing }}{{ messages[5] is defined }}{{ messages[0].get('x')"
            + " }}=>FalseNone",
        "{{ x | default('d') }}{{ '' | default('d', true) }}{{ 'Ab' | upper | lower }}=>ddab",
        "{{ ' a '.strip() }}{{ 'xax'.rstrip('x') }}{{ 'a,b'.split(',')[-1] }}=>axab",
        "{{ 'ab'.startswith('a') }}{{ 'é' | length }}{{ {'a': 1}['a'] }}=>True11",
        "{{ x is none }}{{ none is none }}{{ 'a' is string }}{{ [] is iterable"
            + " }}=>FalseTrueTrueTrue",
        "{{ true }}{{ None }}{{ x }}=>TrueNone",
      })
  void shouldWriteWhatJinjaWrites(String template, String expected) {
    assertEquals(expected.replace('¶', '\n'), render(template.replace('¶', '\n')));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ messages }}",
        "{{ x.y }}",
        "{{ 'a' + 1 }}",
        "{{ 'a' + x }}",
        "{{ 'abc'[0] }}",
        "{{ messages | tojson }}",
        "{{ 'a' | trim('x') }}",
        "{{ 'a'.title() }}",
        "{{ range(3) }}",
        "{{ lipsum() }}",
        "{{ 1.5 }}",
        "{{ [1, 2, 3][::2] }}",
        "{% include 'x' %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{% for i in [1] %}{% continue %}{% endfor %}",
        "{% if true %}",
        "{% endif %}",
        "{% for i in 3 %}{% endfor %}",
        "{{ 'a }}",
        "{{ a",
        "{# a",
        "{{ ? }}",
        "{{ }}",
        "{{ a b }}",
        "{{ 1 / 2 }}",
        "{{ 1 % 0 }}",
      })
  void shouldRefuseWhatItDoesNotKnow(String template) {
    JinjaException refused = assertThrows(JinjaException.class, () -> render(template));
    String message = String.valueOf(refused.getMessage());
    assertTrue(
        message.matches("(has|holds|uses|writes|looks|calls|lacks|goes|divides) .*"), message);
  }

  @Test
  void shouldEndInTimeWhateverATemplateAsksFor() {
    List<String> hostile =
        List.of(
            "{{ ".repeat(100_000),
            "{{ " + "(".repeat(100_000),
            "{{ " + "not ".repeat(100_000) + "1 }}",
            "{{ 1" + " + 1".repeat(100_000) + " }}",
            "{{ x" + " if 1 else x".repeat(100_000) + " }}",
            "{% if 1 %}".repeat(100_000),
            "{% if 1 %}" + "{% elif 1 %}".repeat(100_000),
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% set n = namespace(a='xxxxxxxxxxxxxxxx') %}{% for i in messages %}"
                + "{% set n.a = n.a ~ n.a %}".repeat(50)
                + "{% endfor %}",
            "{% for a in messages %}".repeat(20) + "{{ 1 }}" + "{% endfor %}".repeat(20));
    for (String template : hostile) {
      assertTimeoutPreemptively(
          Duration.ofSeconds(20), () -> assertThrows(JinjaException.class, () -> render(template)));
    }
  }

  private static String render(String template) {
    Map<String, Object> variables = new HashMap<>();
    variables.put(
        "messages",
        List.of(
            Map.of("role", "system", "content", "Be"), Map.of("role", "user", "content", "Hi")));
    return JinjaRenderer.render(JinjaParser.parse(template), variables);
  }
}
