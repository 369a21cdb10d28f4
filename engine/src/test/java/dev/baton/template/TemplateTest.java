package dev.baton.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is expected is what Python's jinja2 3.1.6 makes of it, set up as transformers does. */
class TemplateTest {
  private static final Map<String, Object> VARIABLES =
      Map.of(
          "messages",
          List.of(
              Map.of("role", "system", "content", "Be"),
              Map.of("role", "user", "content", "Hi <|x|>")),
          "u",
          "user");

  private static String render(String jinja) {
    return JinjaCases.text(jinja, VARIABLES);
  }

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
        "{% raw %}{{ x }}{% endraw %}=>{{ x }}",
        "{% set n = namespace(i=messages|length - 1) %}{{ n.i }}=>1",
        "{{ messages[:n+1]|length if n is defined else messages[::-1][0].role }}=>user",
        "{{ {'type': 'function', 'n': [1, 2.0, none, true]} }}=>{'type': 'function', 'n': [1, 2.0,"
            + " None, True]}",
        "{{ 'it\\'s' ~ [\"it's\"] }}=>it's[\"it's\"]",
        "{{ {'a': 'é<\\n'} | tojson }}{{ [1] | tojson(indent=1) }}=>{\"a\": \"é<\\n\"}[¶ 1¶]",
        "{% for m in messages recursive %}{{ loop.index }}{% endfor %}=>12",
        "{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}=>13",
        "{% macro f(a, b=a) %}{{ a ~ b ~ caller() }}{% endmacro %}{% call f(1) %}x{% endcall"
            + " %}=>11x",
        "{% filter upper %}a{{ u }}{% endfilter %}=>AUSER",
        "{{ 2 ** 70 }}{{ 7 // -2 }}{{ -7 % 3 }}{{ 1 / 2 }}{{ 1e16"
            + " }}=>1180591620717411303424-420.51e+16",
        "{{ ['b', 'A'] | sort }}{{ [3, 1] | sort(reverse=true) }}=>['A', 'b'][3, 1]",
        "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list"
            + " }}=>['Hi <|x|>']",
        "{{ 'abc'[::-1] }}{{ '😀x'[0] }}{{ '😀' | length }}=>cba😀1",
        "{{ '%s-%05.1f' % ('a', 2.25) }}{{ '{:>4}|{}'.format(1, 'b') }}=>a-002.2   1|b",
        "{{ messages[0].nothing }}{{ messages[0].get('x') }}=>None",
        "{{ strftime_now('%d %b %Y') }}=>30 Nov 2026",
        "{% generation %}x{% endgeneration %}=>x",
      })
  void shouldWriteWhatJinja2Writes(String template, String expected) {
    assertEquals(expected.replace('¶', '\n'), render(template.replace('¶', '\n')));
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "a¶ {{ x.y }}=>line 2, column 6: 'x' is undefined",
        "{{ 'a' + 1 }}=>line 1, column 8: can only concatenate str (not \"int\") to str",
        "{% if true %}=>line 1, column 14: ends where 'endif' was expected",
        "{% endif %}=>line 1, column 1: has an unknown statement 'endif'",
        "{% for i in 3 %}{% endfor %}=>line 1, column 4: 'int' object is not iterable",
        "{{ 'a }}=>line 1, column 4: a string has no end",
        "{{ a=>line 1, column 1: '{{' has no end",
        "{# a=>line 1, column 1: a comment has no end",
        "{{ ? }}=>line 1, column 4: an unexpected '?'",
        "{{ a b }}=>line 1, column 6: does not go on with 'b'",
        "{{ }}=>line 1, column 4: does not go on with the end of the expression",
        "{{ raise_exception('no') }}=>line 1, column 19: no",
        "{{ messages.append(1) }}=>line 1, column 19: access to attribute 'append' of 'list' object"
            + " is unsafe.",
        "{% break %}=>line 1, column 4: has 'break' outside a loop",
        "{% include 'x' %}=>line 1, column 1: has an unknown statement 'include'",
        "{{ lipsum() }}=>line 1, column 10: 'lipsum' is undefined",
      })
  void shouldSayWhatIsWrongAndWhere(String template, String expected) {
    TemplateException failure =
        assertThrows(TemplateException.class, () -> render(template.replace('¶', '\n')));
    assertEquals(expected, failure.getMessage());
    assertEquals(template.contains("raise_exception"), failure.isRefusal());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "u",
        "u ~ 1",
        "u + 'x'",
        "'x' + u",
        "[u]",
        "{'a': u}",
        "{u: 1}",
        "u | tojson",
        "[u] | tojson",
        "u | upper",
        "u.title()",
        "u | trim('r')",
        "u | replace('s', '-')",
        "'-s-' | replace('s', u)",
        "u.split('s') | join('+')",
        "'s+s'.split('s') | join(u)",
        "u[1:]",
        "u[::-1]",
        "u | indent",
        "'%s' % u",
        "'%r' % u",
        "'{}{:>9}'.format(1, u)",
        "u.join(['<', '>'])",
        "u | center(9)",
        "u | list",
        "u | first",
        "u | escape",
        "u * 3",
        "(u, 1)",
        "namespace(a=u)",
        "u | title",
        "u | capitalize",
        "u.swapcase()",
        "u.ljust(9, '.')",
        "u | truncate(3, true, '', 0)",
        "u | string | urlencode",
        "u.partition('e')",
        "messages[1].content",
        "messages",
        "dict(a=u).items() | list",
        "u | default('z')",
        "u if true",
        "u or 1",
        "cycler(u).next()",
        "u.zfill(9)",
        "u.expandtabs()",
        "u | striptags",
        "u.splitlines()",
        "u.removeprefix('u')",
      })
  void shouldMarkWhatIsMadeOfMarkedText(String expression) {
    List<Template.Piece> pieces =
        Template.parse("s<|{{ " + expression + " }}|>").render(VARIABLES, JinjaCases.NOW);
    assertTrue(pieces.stream().anyMatch(Template.Piece::marked), expression);
    String unmarked =
        pieces.stream()
            .filter(piece -> !piece.marked())
            .map(Template.Piece::text)
            .collect(Collectors.joining());
    assertTrue(unmarked.startsWith("s<|") && unmarked.endsWith("|>"), expression);
    assertTrue(
        unmarked
            .chars()
            .noneMatch(c ->
                "ueEU".indexOf(c) >= 0
                    && !expression.startsWith("namespace")
                    && !expression.equals("messages")),
        unmarked);
  }

  @Test
  void shouldMarkNoTextOfTheTemplate() {
    String jinja = "<|a|>{{ ['<|b|>', u] | join }}{% set x %}<|c|>{% endset %}{{ x }}";
    assertEquals(
        List.of(
            new Template.Piece("<|a|><|b|>", false),
            new Template.Piece("user", true),
            new Template.Piece("<|c|>", false)),
        Template.parse(jinja).render(VARIABLES, JinjaCases.NOW));
    Map<String, Object> trusted = Map.of("u", new Template.Trusted("user"));
    assertEquals(
        List.of(new Template.Piece("<|user|>", false)),
        Template.parse("<|{{ u }}|>").render(trusted, JinjaCases.NOW));
  }

  @Test
  void shouldEndInTimeWhateverATemplateAsksFor() {
    String nested =
        "{% set a = [1] %}{% set b = [1] %}"
            + "{% set a = [a, a] %}{% set b = [b, b] %}".repeat(60);
    String loops = "{% for i in range(9999) %}";
    List<String> hostile =
        List.of(
            "{{ ".repeat(100_000),
            "{{ " + "(".repeat(100_000),
            "{{ " + "-".repeat(100_000) + "1 }}",
            "{{ " + "not ".repeat(100_000) + "1 }}",
            "{{ 1" + " + 1".repeat(100_000) + " }}",
            "{{ x" + " if 1 else x".repeat(100_000) + " }}",
            "{{ " + "[".repeat(100_000) + "]".repeat(100_000) + " }}",
            "{{ x" + "|upper".repeat(100_000) + " }}",
            "{% if 1 %}".repeat(100_000),
            "{% if 1 %}" + "{% elif 1 %}".repeat(100_000),
            "{% set " + "(".repeat(100_000),
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
            loops.repeat(3) + "{% endfor %}".repeat(3),
            "{% set n = namespace(a='xx') %}{% for i in range(99) %}{% set n.a = n.a ~ n.a %}{%"
                + " endfor %}",
            "{% set n = namespace(a=[1]) %}{% for i in range(99) %}{% set n.a = n.a + n.a %}{%"
                + " endfor %}",
            "{{ 'a' * 1000000000 }}",
            "{{ [0] * 1000000000 }}",
            "{{ 9 ** (9 ** 9) }}",
            "{{ '%999999999d' % 1 }}",
            "{{ '{:999999999}'.format(1) }}",
            "{{ 'a' | center(1000000000) }}",
            "{{ 'a' | indent(1000000000, true) }}",
            "{{ ('a' * 1000000) | replace('', 'b' * 1000) }}",
            "{{ range(1000000000) }}",
            "{{ [1] | batch(1000000000, 0) | list }}",
            nested + "{{ a }}",
            nested + "{{ a | tojson }}",
            nested + "{{ a == b }}",
            nested.replace("[a, a]", "(a, a)").replace("= [1]", "= 1") + "{{ {a: 1} }}",
            "{% set s = 'a' * 9999999 %}"
                + loops
                + loops
                + "{{ 'b' in s }}"
                + "{% endfor %}{% endfor %}");
    for (String template : hostile) {
      String shown = template.substring(0, Math.min(60, template.length()));
      assertTimeoutPreemptively(
          Duration.ofSeconds(20),
          () -> assertThrows(TemplateException.class, () -> render(template), shown),
          shown);
    }
  }
}
