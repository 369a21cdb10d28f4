package dev.baton.answer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.answer.AnswerPart.Reasoning;
import dev.baton.answer.AnswerPart.Text;
import dev.baton.answer.AnswerPart.ToolCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AnswerParserTest {
  private static final List<String> FRAGMENTS =
      List.of(
          "<think>",
          "</think>",
          "<tool_call>",
          "</tool_call>",
          "<tool",
          "_call>",
          "</",
          "\n",
          " ",
          "a",
          "{\"name\": \"f\", \"arguments\": {\"x\": 1}}",
          "{\"name\": \"f\"",
          "\"</tool_call>\"",
          "{",
          "}",
          "\\",
          "\"",
          "<function=f>",
          "</function>",
          "<parameter=x>",
          "</parameter>",
          "é😀",
          "f\n",
          "<arg_key>k</arg_key>",
          "<arg_value>",
          "</arg_value>",
          "<invoke name=\"f\">",
          "</invoke>",
          "<minimax:tool_call>",
          "</minimax:tool_call>",
          "<parameter name=\"x\">",
          "<｜tool▁calls▁begin｜>",
          "<｜tool▁calls▁end｜>",
          "<｜tool▁call▁begin｜>",
          "f<｜tool▁sep｜>{}",
          "<｜tool▁call▁end｜>",
          "<|tool_calls_section_begin|>",
          "<|tool_calls_section_end|>",
          "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>");

  private static List<AnswerPart> parse(AnswerFormat format, boolean begun, String... pieces) {
    AnswerParser parser = new AnswerParser(format, ParameterTypes.UNKNOWN, begun);
    List<AnswerPart> parts = new ArrayList<>();
    for (String piece : pieces) {
      parts.addAll(parser.feed(piece));
    }
    parts.addAll(parser.finish());
    return joined(parts);
  }

  private static List<AnswerPart> joined(List<AnswerPart> parts) {
    List<AnswerPart> joined = new ArrayList<>();
    for (AnswerPart part : parts) {
      AnswerPart last = joined.isEmpty() ? null : joined.getLast();
      if (last instanceof Text(String before) && part instanceof Text(String text)) {
        joined.set(joined.size() - 1, new Text(before + text));
      } else if (last instanceof Reasoning(String before)
          && part instanceof Reasoning(String text)) {
        joined.set(joined.size() - 1, new Reasoning(before + text));
      } else {
        joined.add(part);
      }
    }
    return joined;
  }

  @Test
  void shouldReadReasoningTextAndHermesCalls() {
    String answer =
        "<think>\n"
            + "hm, <tool_call>\n"
            + "</think>\n\n"
            + "Let me see.\n"
            + "<tool_call>\n"
            + "{\"name\": \"ls\", \"arguments\": {\"path\": \"</tool_call>\"}}\n"
            + "</tool_call>\n"
            + "<tool_call>{\"name\": \"pwd\"}</tool_call>";
    assertEquals(
        List.of(
            new Reasoning("hm, <tool_call>"),
            new Text("Let me see."),
            new ToolCall("ls", "{\"path\":\"</tool_call>\"}"),
            new ToolCall("pwd", "{}")),
        parse(AnswerFormat.HERMES, false, answer));
    assertEquals(
        List.of(new Reasoning("so"), new Text("4 ")),
        parse(AnswerFormat.HERMES, true, "\nso\n</think>\n4 "));
  }

  @Test
  void shouldReadTheCallsOfOtherFamilies() {
    List<AnswerPart> expected = List.of(new ToolCall("f", "{\"x\":1,\"s\":\"a\\nb\"}"));
    assertEquals(
        expected,
        parse(
            AnswerFormat.QWEN_CODER,
            false,
            "<tool_call>\n"
                + "<function=f>\n"
                + "<parameter=x>\n"
                + "1\n"
                + "</parameter>\n"
                + "<parameter=s>\n"
                + "a\n"
                + "b\n"
                + "</parameter>\n"
                + "</function>\n"
                + "</tool_call>"));
    assertEquals(
        expected,
        parse(
            AnswerFormat.GLM,
            false,
            "<tool_call>f\n<arg_key>x</arg_key>\n<arg_value>1</arg_value>\n<arg_key>s</arg_key>\n"
                + "<arg_value>a\nb</arg_value>\n</tool_call>"));
    assertEquals(
        expected,
        parse(
            AnswerFormat.MINIMAX,
            false,
            "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"x\">1</parameter>\n"
                + "<parameter name=\"s\">a\nb</parameter>\n</invoke>\n</minimax:tool_call>"));
    String json = "{\"x\": 1, \"s\": \"a\\nb\"}";
    assertEquals(
        expected,
        parse(
            AnswerFormat.DEEPSEEK,
            false,
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>"
                + json
                + "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"));
    assertEquals(
        expected,
        parse(
            AnswerFormat.KIMI,
            false,
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>"
                + json
                + "<|tool_call_end|><|tool_calls_section_end|>"));
  }

  @Test
  void shouldKeepAStringParameterAsItIs() {
    AnswerParser parser =
        new AnswerParser(AnswerFormat.QWEN_CODER, (tool, name) -> name.equals("s"), false);
    String parameters = "<parameter=s>1</parameter><parameter=n>1</parameter>";
    assertEquals(
        List.of(new ToolCall("f", "{\"s\":\"1\",\"n\":1}")),
        parser.feed("<tool_call><function=f>" + parameters + "</function></tool_call>"));
  }

  @Test
  void shouldTakeForTextWhatIsNoCall() {
    for (String answer :
        List.of(
            "a\n<tool_call>b</tool_call> c",
            "a <tool_call>{\"name\": 1}</tool_call>",
            "a <tool_call>{\"name\": \"f\", \"arguments\": {",
            "<tool_call></tool_call>",
            "a <tool",
            "{\"name\": \"f\"}\n ")) {
      assertEquals(List.of(new Text(answer)), parse(AnswerFormat.HERMES, false, answer));
    }
  }

  @Test
  void shouldShowTextAsSoonAsItIsNoMark() {
    AnswerParser parser = new AnswerParser(AnswerFormat.HERMES, ParameterTypes.UNKNOWN, false);
    assertEquals(List.of(new Text("Hello")), parser.feed("Hello <t"));
    assertEquals(List.of(new Text(" <table")), parser.feed("able"));
  }

  @Test
  void shouldGiveTheSameWhereverTheTextIsCut() {
    Random random = new Random(11);
    for (int round = 0; round < 3000; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(14); i >= 0; i--) {
        text.append(FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
      }
      AnswerFormat format = AnswerFormat.values()[round % AnswerFormat.values().length];
      boolean begun = random.nextInt(4) == 0;
      String answer = text.toString();
      List<AnswerPart> whole = parse(format, begun, answer);
      for (int cut = 0; cut <= answer.length(); cut++) {
        assertEquals(
            whole, parse(format, begun, answer.substring(0, cut), answer.substring(cut)), answer);
      }
      assertEquals(whole, parse(format, begun, answer.split("")), answer);
    }
  }

  @Test
  void shouldTellTheFormatByTheTemplate() {
    assertEquals(Optional.of(AnswerFormat.HERMES), AnswerFormat.of("<tool_call>{\"name\""));
    assertEquals(
        Optional.of(AnswerFormat.QWEN_CODER), AnswerFormat.of("<tool_call>\n<function=f>"));
    assertEquals(Optional.of(AnswerFormat.GLM), AnswerFormat.of("<tool_call>f<arg_key>"));
    assertEquals(Optional.of(AnswerFormat.KIMI), AnswerFormat.of("<|tool_calls_section_begin|>"));
    assertEquals(Optional.empty(), AnswerFormat.of("plain"));
  }
}
