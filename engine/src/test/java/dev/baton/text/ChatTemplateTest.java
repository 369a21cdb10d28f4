package dev.baton.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.GgufFile;
import dev.baton.template.Template;
import dev.baton.template.TemplateException;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
  /** The shape of SmolLM2's: real newlines inside the strings. */
  private static final String SMOLLM2 =
      """
      {% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
      You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
      ' }}{% endif %}{{'<|im_start|>' + message['role'] + '
      ' + message['content'] + '<|im_end|>' + '
      '}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
      ' }}{% endif %}\
      """;

  /** The shape of Qwen2.5's: a system turn in pieces first, then whole, with escaped newlines. */
  private static final String QWEN =
      """
      {%- if tools %}
          {{- '<|im_start|>system\\n' }}
          {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- endif %}
          {{- "\\n# Tools<|im_end|>\\n" }}
      {%- else %}
          {%- if messages[0]['role'] == 'system' %}
              {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
          {%- else %}
              {{- '<|im_start|>system\\nYou are Qwen.\\nYou\\'re helpful.<|im_end|>\\n' }}
          {%- endif %}
      {%- endif %}
      {%- for message in messages %}
          {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
              {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
          {%- elif message.role == "tool" %}
              {{- '<tool_response>' + (message.content | tojson(indent=2)) }}
          {%- endif %}
      {%- endfor %}
      {%- if add_generation_prompt %}
          {{- '<|im_start|>assistant\\n' }}
      {%- endif %}
      """;

  private static final String PLAIN_CHATML =
      "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' +"
          + " '\\n'}}{% endfor %}";

  private static final String OPENS =
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  private static final String LLAMA_3 =
      "{% for m in messages %}{% set c = '<|start_header_id|>' + m['role'] +"
          + " '<|end_header_id|>\\n\\n'+ m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 =="
          + " 0 %}{% set c = bos_token + c %}{% endif %}{{ c }}{% endfor %}";

  private static final String LLAMA_3_2 =
      """
      {{- bos_token }}
      {%- if custom_tools is defined %}
          {%- set tools = custom_tools %}
      {%- endif %}
      {%- if not date_string is defined %}
          {%- if strftime_now is defined %}
              {%- set date_string = strftime_now("%d %b %Y") %}
          {%- else %}
              {%- set date_string = "26 Jul 2024" %}
          {%- endif %}
      {%- endif %}
      {#- The system message comes out of the list. #}
      {%- if messages[0]['role'] == 'system' %}
          {%- set system_message = messages[0]['content']|trim %}
          {%- set messages = messages[1:] %}
      {%- else %}
          {%- set system_message = "" %}
      {%- endif %}
      {{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
      {{- "Cutting Knowledge Date: December 2023\\n" }}
      {{- "Today Date: " + date_string + "\\n\\n" }}
      {{- system_message }}
      {{- "<|eot_id|>" }}
      {%- for message in messages %}
          {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
      {%- endfor %}
      {%- if add_generation_prompt %}
          {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
      {%- endif %}
      """;

  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-11-30T12:34:56Z"));

  private static final List<ChatMessage> HELLO = List.of(ChatMessage.user("Hello"));
  private static final List<ChatMessage> TALK =
      List.of(
          ChatMessage.system(" Be brief. "),
          ChatMessage.user("Hi\n"),
          new ChatMessage("assistant", "Hey"),
          ChatMessage.user("Bye"));

  @Test
  void shouldWriteChatMlWithSmolLm2sDefaultSystemMessage() {
    assertEquals(
        """
        <|im_start|>system
        You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
        <|im_start|>user
        Hello<|im_end|>
        <|im_start|>assistant
        """,
        written(SMOLLM2, HELLO, true));
    assertEquals(
        """
        <|im_start|>system
         Be brief. <|im_end|>
        <|im_start|>user
        Hi
        <|im_end|>
        <|im_start|>assistant
        Hey<|im_end|>
        <|im_start|>user
        Bye<|im_end|>
        """,
        written(SMOLLM2, TALK, false));
  }

  @Test
  void shouldFindADefaultSystemMessageBehindEscapes() {
    assertEquals(
        "<|im_start|>system\n"
            + "You are Qwen.\n"
            + "You're helpful.<|im_end|>\n"
            + "<|im_start|>user\n"
            + "Hello<|im_end|>\n",
        written(QWEN, HELLO, false));
  }

  @Test
  void shouldAddNoSystemMessageWhereTheTemplateHasNone() {
    assertEquals(
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
        written(PLAIN_CHATML + OPENS, HELLO, true));
  }

  @Test
  void shouldTrimChatMlWhereTheTemplateDoes() {
    String trimming = PLAIN_CHATML.replace("m['content']", "m['content'] | trim");
    assertTrue(
        written(trimming, TALK, false).startsWith("<|im_start|>system\nBe brief.<|im_end|>"));
  }

  @Test
  void shouldWriteLlama3() {
    assertEquals(
        "<|start_header_id|>user<|end_header_id|>\n\n" + "Hello<|eot_id|>",
        written(LLAMA_3, HELLO, true));
    assertEquals(
        "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            + "<|start_header_id|>assistant<|end_header_id|>\n\nHey<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>",
        written(LLAMA_3, TALK, false));
  }

  @Test
  void shouldTellLlama32WhatDayItIs() {
    String dates =
        "<|start_header_id|>system<|end_header_id|>\n\n"
            + "Cutting Knowledge Date: December 2023\n"
            + "Today Date: 30 Nov 2026\n\n";
    assertEquals(
        dates + "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>",
        written(LLAMA_3_2, HELLO, false));
    assertTrue(
        written(LLAMA_3_2, TALK, true)
            .startsWith(dates + "Be brief.<|eot_id|><|start_header_id|>user"));
  }

  @Test
  void shouldWriteLlama3sOwnDefaultSystemText() {
    String jinja =
        "{{ bos_token }}{% if messages[0].role != 'system' %}{{"
            + " '<|start_header_id|>system<|end_header_id|>\\n\\nYou are Fox.<|eot_id|>' }}{% endif"
            + " %}"
            + LLAMA_3.replace("bos_token + c", "c");
    assertEquals(
        "<|start_header_id|>system<|end_header_id|>\n\nYou are Fox.<|eot_id|>"
            + "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>",
        written(jinja, HELLO, false));
    assertTrue(
        written(jinja, TALK, false)
            .startsWith("<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"));
    assertEquals(Optional.empty(), recognise(jinja).refusal("Be brief."));
  }

  @Test
  void shouldRefuseASystemMessageThatTheTemplateHasNoPlaceFor() {
    String dropping =
        PLAIN_CHATML
                .replace("{{'<|im_start|>'", "{% if m.role != 'system' %}{{'<|im_start|>'")
                .replace("{% endfor %}", "{% endif %}{% endfor %}")
            + OPENS;
    String raising =
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
            + PLAIN_CHATML
            + OPENS;
    for (String jinja : List.of(dropping, raising)) {
      ChatTemplate.Recognition recognition = recognise(jinja);
      assertEquals(Optional.empty(), recognition.refusal(null));
      String refusal = recognition.refusal("Be brief.").orElseThrow();
      assertTrue(refusal.startsWith("the template "), refusal);
      assertTrue(refusal.endsWith("put the system message into the prompt"), refusal);
    }
    assertTrue(recognise(PLAIN_CHATML + OPENS).refusal("Be brief.").isEmpty());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for m in messages %}{{ m.content }}",
        "{% for m in messages %}{{ m.content | nosuch }}{% endfor %}",
        "{{ raise_exception('not\nyou') }}",
        "{{ messages[0].content + 1 }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{{",
      })
  void shouldSayInOneLineWhyATemplateCannotBeUsed(String jinja) {
    ChatTemplate.Recognition recognition = recognise(jinja);
    assertTrue(recognition.template().isEmpty());
    String refusal = recognition.refusal(null).orElseThrow();
    assertTrue(refusal.startsWith("the template cannot be used: line 1, column "), refusal);
    assertTrue(refusal.endsWith("--raw completes the prompt as it is"), refusal);
    assertEquals(1, refusal.lines().count());
  }

  @Test
  void shouldSayThatAModelHasNoTemplate() throws IOException {
    try (GgufFile file = GgufFile.open(GoldenCases.BATON_TINY)) {
      assertEquals(
          "the model has no chat template", ChatTemplate.recognise(file.metadata()).reason());
      assertTrue(ChatTemplate.recognise(file.metadata()).template().isEmpty());
      assertEquals(Optional.empty(), ChatTemplate.recognise(file.metadata()).refusal(null));
      assertEquals(
          "the model has no chat template; --chat-template chatml or --chat-template FILE writes it"
              + " by another",
          ChatTemplate.recognise(file.metadata()).refusal("Be brief.").orElseThrow());
      TemplateException chat =
          assertThrows(
              TemplateException.class, () -> ChatTemplate.recognise(file.metadata()).required());
      assertTrue(String.valueOf(chat.getMessage()).contains("--chat-template chatml"));
      ChatTemplate.Recognition given = ChatTemplate.recognise(file.metadata(), ChatTemplate.CHATML);
      assertEquals(Optional.empty(), given.refusal("Be brief."));
    }
  }

  @Test
  void shouldRefuseAChatWithoutMessagesOrARole() {
    assertThrows(IllegalArgumentException.class, () -> Conversation.of(List.of()));
    assertThrows(IllegalArgumentException.class, () -> new ChatMessage(" ", "x"));
  }

  @Test
  void shouldEncodeUserTextWithoutItsControlTokens() throws IOException {
    Tokenizer tokenizer = Tokenizer.of(GoldenCases.smolLm2("smollm"));
    int[] ids = encode(PLAIN_CHATML + OPENS, tokenizer, null, "a<|im_end|>b");
    // Ids 1 and 2 are <|im_start|> and <|im_end|>.
    assertEquals(2, count(ids, 1));
    assertEquals(1, count(ids, 2));
    assertEquals(
        "<|im_start|>user\na<|im_end|>b<|im_end|>\n<|im_start|>assistant\n",
        tokenizer.decode(ids, true));
  }

  @Test
  void shouldEncodeHarmlessTextAsTheWholeWrittenTextWouldBe() throws IOException {
    Tokenizer tokenizer = Tokenizer.of(GoldenCases.smolLm2("smollm"));
    for (boolean withSystem : new boolean[] {false, true}) {
      String system = withSystem ? "Hello world" : null;
      List<ChatMessage> messages =
          withSystem
              ? List.of(ChatMessage.system("Hello world"), ChatMessage.user("a\n b"))
              : List.of(ChatMessage.user("a\n b"));
      assertArrayEquals(
          tokenizer.encode(written(SMOLLM2, messages, true), false, true),
          encode(SMOLLM2, tokenizer, system, "a\n b"));
    }
  }

  @Test
  void shouldPutOneBosFirstWhereTheModelOrTheTemplateWantsOne() {
    Vocabulary.Token bos = TestVocabularies.token("<s>", TokenType.CONTROL);
    Vocabulary bare = TestVocabularies.bytePairs("gpt-2", List.of(), bos);
    Vocabulary.SpecialIds ids = new Vocabulary.SpecialIds(256, -1, -1, Set.of());
    Tokenizer without =
        Tokenizer.of(new Vocabulary(bare.scheme(), bare.tokens(), ids, bare.framing()));
    Tokenizer with =
        Tokenizer.of(
            new Vocabulary(
                bare.scheme(), bare.tokens(), ids, new Vocabulary.Framing(true, false, false)));
    assertEquals(0, count(encode(PLAIN_CHATML, without, null, "Hello"), 256));
    assertEquals(1, count(encode(PLAIN_CHATML, with, null, "Hello"), 256));
    assertEquals(1, count(encode(LLAMA_3, without, null, "Hello"), 256));
    assertEquals(1, count(encode(LLAMA_3, with, null, "Hello"), 256));
    assertEquals(0, count(encode(LLAMA_3, Tokenizer.of(bare), null, "Hello"), 256));
  }

  private static long count(int[] ids, int id) {
    return Arrays.stream(ids).filter(each -> each == id).count();
  }

  private static ChatTemplate.Recognition recognise(String jinja) {
    return ChatTemplate.recognise(jinja, "the template");
  }

  private static int[] encode(
      String jinja, Tokenizer tokenizer, @Nullable String system, String prompt) {
    return recognise(jinja).required().encode(tokenizer, Conversation.of(system, prompt), CLOCK);
  }

  private static String written(
      String jinja, List<ChatMessage> messages, boolean addGenerationPrompt) {
    Conversation conversation =
        new Conversation(messages, List.of(), addGenerationPrompt, Map.of());
    return recognise(jinja)
        .required()
        .apply(conversation, "", "", CLOCK.instant().atZone(ZoneOffset.UTC))
        .stream()
        .map(Template.Piece::text)
        .collect(Collectors.joining());
  }
}
