package dev.baton.server.openai;

import dev.baton.Report;
import dev.baton.http.HttpException;
import dev.baton.http.HttpExchange;
import dev.baton.server.api.Answers;
import dev.baton.server.api.Api;
import dev.baton.server.api.InvalidRequestException;
import dev.baton.server.api.ModelNotFoundException;
import dev.baton.server.api.ServedModel;
import dev.baton.server.api.ServedModels;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** OpenAI's API. Any thread. */
public final class OpenAi implements Api {
  static final String JSON = "application/json";

  private final ServedModels models;
  private final Completion chat;
  private final Completion text;

  public OpenAi(ServedModels models, Answers answers) {
    this.models = models;
    this.chat = new Completion(models, answers, new ChatForm());
    this.text = new Completion(models, answers, new TextForm());
  }

  @Override
  public Map<String, Endpoint> endpoints() {
    return Map.of(
        "POST /v1/chat/completions",
        chat,
        "POST /v1/completions",
        text,
        "GET /v1/models",
        this::list,
        "GET /v1/models/*",
        this::show);
  }

  @Override
  public boolean owns(String path) {
    return path.startsWith("/v1/");
  }

  private void list(HttpExchange exchange) {
    ObjectNode answer = JsonMapper.shared().createObjectNode().put("object", "list");
    ArrayNode data = answer.putArray("data");
    models.all().forEach(model -> data.add(described(model)));
    send(exchange, answer);
  }

  private void show(HttpExchange exchange) throws HttpException {
    send(exchange, described(models.named(exchange.path().substring("/v1/models/".length()))));
  }

  private static ObjectNode described(ServedModel model) {
    ObjectNode one =
        JsonMapper.shared()
            .createObjectNode()
            .put("id", model.name())
            .put("object", "model")
            .put("created", model.loadedAt())
            .put("owned_by", "baton");
    one.putObject("meta").put("n_ctx", model.engine().compute().contextTokens());
    return one;
  }

  static void send(HttpExchange exchange, ObjectNode answer) {
    exchange.send(200, JSON, JsonMapper.shared().writeValueAsBytes(answer));
  }

  @Override
  public byte[] error(HttpException error) {
    return JsonMapper.shared().writeValueAsBytes(errorNode(error));
  }

  static ObjectNode errorNode(HttpException error) {
    String param = null;
    String code = codeOf(error);
    if (error instanceof InvalidRequestException invalid) {
      param = invalid.param();
      code = invalid.code();
    }
    ObjectNode node = JsonMapper.shared().createObjectNode();
    node.putObject("error")
        .put("message", error.getMessage())
        .put("type", typeOf(error.status()))
        .put("param", param)
        .put("code", code);
    return node;
  }

  private static String typeOf(int status) {
    return switch (status) {
      case 401 -> "authentication_error";
      case 403 -> "permission_error";
      case 429 -> "rate_limit_error";
      default -> status < 500 ? "invalid_request_error" : "server_error";
    };
  }

  private static @Nullable String codeOf(HttpException error) {
    if (error instanceof ModelNotFoundException) {
      return "model_not_found";
    }
    return switch (error.status()) {
      case 401 -> "invalid_api_key";
      case 429 -> "rate_limit_exceeded";
      default -> null;
    };
  }

  /** Why an answer ended, in OpenAI's words. */
  static String finishReason(Report report) {
    return switch (report.end()) {
      case "length", "context" -> "length";
      default -> "stop";
    };
  }
}
