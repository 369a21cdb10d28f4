package dev.baton.server.openai;

import dev.baton.GenerateRequest;
import dev.baton.Report;
import dev.baton.decode.SamplingParams;
import dev.baton.http.HttpException;
import dev.baton.http.HttpExchange;
import dev.baton.http.HttpStream;
import dev.baton.http.LostClientException;
import dev.baton.schedule.Priority;
import dev.baton.server.api.Answers;
import dev.baton.server.api.Api;
import dev.baton.server.api.Fields;
import dev.baton.server.api.InvalidRequestException;
import dev.baton.server.api.ServedModel;
import dev.baton.server.api.ServedModels;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Chat completions, and completions: whole, or as server-sent events. */
final class Completion implements Api.Endpoint {
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(2);
  private static final String COMMENT = ": keep-alive\n\n";
  private static final int MOST_STOPS = 16;

  /** What would change the answer in a way that is not there yet. */
  private static final List<String> REFUSED = List.of("logit_bias");

  private final ServedModels models;
  private final Answers answers;
  private final Form form;
  private final SecureRandom random = new SecureRandom();

  Completion(ServedModels models, Answers answers, Form form) {
    this.models = models;
    this.answers = answers;
    this.form = form;
  }

  @Override
  public void answer(HttpExchange exchange) throws HttpException, InterruptedException {
    Fields fields = Fields.of(exchange.body());
    ServedModel model = models.named(fields.text("model"));
    refuse(fields);
    boolean streams = fields.flag("stream");
    boolean showsUsage = fields.object("stream_options").flag("include_usage");
    GenerateRequest request = request(exchange, fields);
    try (Answers.Taken taken = answers.take(exchange, model, request)) {
      Head head = new Head(newId(), Instant.now().getEpochSecond(), model.name());
      if (streams) {
        stream(exchange, taken, head, showsUsage);
      } else {
        whole(exchange, taken, head);
      }
    }
  }

  /** What stands in all objects of an answer. */
  private record Head(String id, long created, String model) {}

  private String newId() {
    byte[] bytes = new byte[12];
    random.nextBytes(bytes);
    return form.idPrefix() + HexFormat.of().formatHex(bytes);
  }

  private void refuse(Fields fields) throws InvalidRequestException {
    for (List<String> names : List.of(REFUSED, form.refused())) {
      for (String name : names) {
        JsonNode value = fields.node(name);
        if (value != null && !isNothing(value)) {
          throw new InvalidRequestException(name, name + " is not there in this version");
        }
      }
    }
    if (fields.integer("n", 1, Integer.MAX_VALUE).orElse(1) > 1) {
      throw new InvalidRequestException("n", "more than one answer is not there in this version");
    }
  }

  /** Asks for what is done anyway. */
  private static boolean isNothing(JsonNode value) {
    if (value.isContainer()) {
      return value.isEmpty() || value.path("type").asString("").equals("text");
    }
    if (value.isBoolean()) {
      return !value.asBoolean();
    }
    return value.isNumber() ? value.asInt() == 1 : value.asString().isEmpty();
  }

  private GenerateRequest request(HttpExchange exchange, Fields fields)
      throws InvalidRequestException {
    int most =
        fields
            .integer("max_completion_tokens", 1, Integer.MAX_VALUE)
            .orElse(fields.integer("max_tokens", 1, Integer.MAX_VALUE).orElse(Integer.MAX_VALUE));
    List<String> stop = fields.texts("stop");
    if (stop.size() > MOST_STOPS || stop.contains("")) {
      throw Fields.wrong("stop", "at most " + MOST_STOPS + " texts, none of them empty");
    }
    return form.prompt(fields)
        .maxTokens(most)
        .sampling(sampling(fields))
        .stop(stop)
        .priority(priority(exchange, fields))
        .build();
  }

  private SamplingParams sampling(Fields fields) throws InvalidRequestException {
    long seed = fields.longInteger("seed").orElseGet(random::nextLong);
    SamplingParams usual = SamplingParams.usual(seed);
    return new SamplingParams(
        (float) fields.number("temperature", 0, 100).orElse(usual.temperature()),
        fields.integer("top_k", 0, Integer.MAX_VALUE).orElse(usual.topK()),
        topP(fields, usual),
        (float) fields.number("min_p", 0, 1).orElse(usual.minP()),
        (float) fields.number("repeat_penalty", 0.01, 100).orElse(usual.repeatPenalty()),
        fields
            .integer("repeat_last_n", 0, SamplingParams.MAX_REPEAT_LAST_N)
            .orElse(usual.repeatLastN()),
        (float) fields.number("presence_penalty", -100, 100).orElse(0),
        (float) fields.number("frequency_penalty", -100, 100).orElse(0),
        seed);
  }

  /** 0 means the one best token to those who send it. */
  private static float topP(Fields fields, SamplingParams usual) throws InvalidRequestException {
    float value = (float) fields.number("top_p", 0, 1).orElse(usual.topP());
    return Math.max(value, Float.MIN_NORMAL);
  }

  private static Priority priority(HttpExchange exchange, Fields fields)
      throws InvalidRequestException {
    boolean isSaidSo = exchange.header("x-app").filter("cli-bg"::equals).isPresent();
    boolean inBackground = isSaidSo || isBackground(fields);
    return inBackground ? Priority.BACKGROUND : Priority.INTERACTIVE;
  }

  /** A word, or a number as vLLM has it: above 0 is later. */
  private static boolean isBackground(Fields fields) throws InvalidRequestException {
    JsonNode value = fields.node("priority");
    if (value != null && value.isNumber()) {
      return value.asDouble() > 0;
    }
    return fields.text("priority").equals("background");
  }

  private void whole(HttpExchange exchange, Answers.Taken taken, Head head)
      throws HttpException, InterruptedException {
    StringBuilder text = new StringBuilder();
    taken.write(exchange, text::append);
    Report report = taken.generation().report();
    ObjectNode answer = headed(head, false);
    ObjectNode choice = answer.putArray("choices").addObject().put("index", 0);
    form.putText(choice, text.toString());
    choice.putNull("logprobs").put("finish_reason", OpenAi.finishReason(report));
    putUsage(answer, report);
    OpenAi.send(exchange, answer);
  }

  private void stream(HttpExchange exchange, Answers.Taken taken, Head head, boolean showsUsage)
      throws HttpException, InterruptedException {
    try (HttpStream stream = exchange.stream(200, "text/event-stream; charset=utf-8")) {
      stream.keepAlive(KEEP_ALIVE, () -> COMMENT);
      ObjectNode first = headed(head, true);
      if (form.putFirst(choiceOf(first, null))) {
        event(stream, first);
      }
      try {
        taken.write(exchange, text -> event(stream, piece(head, text, null)));
        Report report = taken.generation().report();
        event(stream, piece(head, "", OpenAi.finishReason(report)));
        if (showsUsage) {
          ObjectNode usage = headed(head, true);
          usage.putArray("choices");
          putUsage(usage, report);
          event(stream, usage);
        }
        stream.write("data: [DONE]\n\n");
      } catch (LostClientException e) {
        throw e;
      } catch (HttpException e) {
        event(stream, OpenAi.errorNode(e));
      }
    }
  }

  private ObjectNode piece(Head head, String text, @Nullable String finish) {
    ObjectNode one = headed(head, true);
    form.putPiece(choiceOf(one, finish), text);
    return one;
  }

  private static ObjectNode choiceOf(ObjectNode piece, @Nullable String finish) {
    return piece
        .putArray("choices")
        .addObject()
        .put("index", 0)
        .putNull("logprobs")
        .put("finish_reason", finish);
  }

  private ObjectNode headed(Head head, boolean isPiece) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("id", head.id())
        .put("object", form.object(isPiece))
        .put("created", head.created())
        .put("model", head.model());
  }

  private static void putUsage(ObjectNode answer, Report report) {
    Report.Tokens tokens = report.tokens();
    answer
        .putObject("usage")
        .put("prompt_tokens", tokens.promptTokens())
        .put("completion_tokens", tokens.outputTokens())
        .put("total_tokens", tokens.promptTokens() + tokens.outputTokens())
        .putObject("prompt_tokens_details")
        .put("cached_tokens", tokens.cachedTokens());
    Report.Times times = report.times();
    answer
        .putObject("timings")
        .put("cache_n", tokens.cachedTokens())
        .put("prompt_n", tokens.promptTokens() - tokens.cachedTokens())
        .put("prompt_ms", times.ttftNs() / 1e6)
        .put("predicted_n", tokens.outputTokens())
        .put("predicted_per_second", times.decodeTokensPerSecond());
  }

  private static void event(HttpStream stream, ObjectNode node)
      throws LostClientException, InterruptedException {
    stream.write("data: " + JsonMapper.shared().writeValueAsString(node) + "\n\n");
  }
}
