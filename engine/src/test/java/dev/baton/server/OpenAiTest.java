package dev.baton.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.Split;
import dev.baton.decode.SamplingParams;
import dev.baton.http.HttpLimits;
import dev.baton.server.api.ServedModel;
import dev.baton.server.api.ServedModels;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A real server with the built-in model, asked over real sockets. */
@Timeout(120)
class OpenAiTest {
  private static final InetSocketAddress ANY =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

  private static Baton engine;
  private static BatonServer server;
  private static HttpClient client;

  @BeforeAll
  static void start() throws InterruptedException {
    engine =
        Baton.open(
            BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).maxSessions(2).build());
    server = server(List.of(), null, 2);
    client = HttpClient.newHttpClient();
  }

  @AfterAll
  static void close() {
    client.close();
    server.close();
    engine.close();
  }

  private static BatonServer server(List<String> keys, String origin, int maxQueue)
      throws InterruptedException {
    ServerConfig config = new ServerConfig(ANY, keys, origin, HttpLimits.usual(), maxQueue);
    return BatonServer.start(
        config, new ServedModels(List.of(new ServedModel("tiny", engine, 1_700_000_000))));
  }

  private static HttpRequest.Builder to(BatonServer of, String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + of.address().getPort() + path));
  }

  private static HttpResponse<String> send(HttpRequest request) throws Exception {
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private static HttpResponse<String> post(String path, String body) throws Exception {
    return send(to(server, path).POST(HttpRequest.BodyPublishers.ofString(body)).build());
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }

  private static JsonNode answer(String path, String body) throws Exception {
    HttpResponse<String> got = post(path, body.replace('\'', '"'));
    assertEquals(200, got.statusCode(), got.body());
    return json(got.body());
  }

  private static JsonNode refusal(int status, String path, String body) throws Exception {
    HttpResponse<String> got = post(path, body.replace('\'', '"'));
    assertEquals(status, got.statusCode(), got.body());
    JsonNode error = json(got.body()).get("error");
    assertFalse(error.get("message").asString().isEmpty());
    return error;
  }

  private static List<JsonNode> events(HttpResponse<String> got) {
    assertEquals(200, got.statusCode(), got.body());
    List<JsonNode> events = new ArrayList<>();
    String[] parts = got.body().split("\n\n");
    for (int i = 0; i < parts.length - 1; i++) {
      if (!parts[i].startsWith(":")) {
        assertTrue(parts[i].startsWith("data: {"), parts[i]);
        events.add(json(parts[i].substring("data: ".length())));
      }
    }
    assertEquals("data: [DONE]", parts[parts.length - 1]);
    return events;
  }

  private static String alone(String prompt, int tokens) throws InterruptedException {
    StringBuilder text = new StringBuilder();
    GenerateRequest request =
        GenerateRequest.builder(prompt)
            .raw(true)
            .maxTokens(tokens)
            .sampling(SamplingParams.greedy())
            .build();
    try (Generation generation = engine.generate(request)) {
      for (String piece = generation.next(); piece != null; piece = generation.next()) {
        text.append(piece);
      }
    }
    return text.toString();
  }

  @Test
  void shouldCompleteAText() throws Exception {
    JsonNode got =
        answer(
            "/v1/completions",
            "{'model':'tiny','prompt':'Once upon a time','max_tokens':20,'temperature':0}");
    assertEquals("text_completion", got.get("object").asString());
    assertTrue(got.get("id").asString().startsWith("cmpl-"));
    JsonNode choice = got.get("choices").get(0);
    assertEquals(alone("Once upon a time", 20), choice.get("text").asString());
    assertEquals("length", choice.get("finish_reason").asString());
    JsonNode usage = got.get("usage");
    assertEquals(20, usage.get("completion_tokens").asInt());
    assertEquals(usage.get("prompt_tokens").asInt() + 20, usage.get("total_tokens").asInt());
  }

  @Test
  void shouldStreamTheSameInPieces() throws Exception {
    String body =
        """
        {"prompt":"A fox and a bear","max_tokens":30,"temperature":0,"stream":true,
         "stream_options":{"include_usage":true}}\
        """;
    List<JsonNode> events = events(post("/v1/completions", body));
    StringBuilder text = new StringBuilder();
    String id = events.getFirst().get("id").asString();
    for (JsonNode event : events) {
      assertEquals(id, event.get("id").asString());
      event.get("choices").forEach(choice -> text.append(choice.get("text").asString()));
    }
    assertEquals(alone("A fox and a bear", 30), text.toString());
    JsonNode last = events.getLast();
    assertEquals(0, last.get("choices").size());
    assertEquals(30, last.get("usage").get("completion_tokens").asInt());
    JsonNode end = events.get(events.size() - 2);
    assertEquals("length", end.get("choices").get(0).get("finish_reason").asString());
    assertFalse(end.has("usage"), "asked for at the end alone");
  }

  @Test
  void shouldSendUsageInAStreamOnlyWhereItIsAskedFor() throws Exception {
    List<JsonNode> events =
        events(post("/v1/completions", "{\"prompt\":\"A\",\"max_tokens\":3,\"stream\":true}"));
    assertTrue(events.stream().noneMatch(event -> event.has("usage")));
  }

  @Test
  void shouldStopAtATextAndLeaveItOut() throws Exception {
    String whole = alone("Once upon a time", 60);
    String stop = whole.substring(20, 24);
    JsonNode got =
        answer(
            "/v1/completions",
            "{'prompt':'Once upon a time','max_tokens':60,'temperature':0,'stop':["
                + JsonMapper.shared().writeValueAsString(stop)
                + "]}");
    JsonNode choice = got.get("choices").get(0);
    assertEquals(whole.substring(0, whole.indexOf(stop)), choice.get("text").asString());
    assertEquals("stop", choice.get("finish_reason").asString());
  }

  @Test
  void shouldListItsModels() throws Exception {
    JsonNode list = json(send(to(server, "/v1/models").build()).body());
    assertEquals("tiny", list.get("data").get(0).get("id").asString());
    assertEquals(list.get("data").get(0), json(send(to(server, "/v1/models/tiny").build()).body()));
    assertEquals(404, send(to(server, "/v1/models/other").build()).statusCode());
  }

  @Test
  void shouldSayWhatIsWrongWithARequest() throws Exception {
    String path = "/v1/completions";
    assertEquals("invalid_request_error", refusal(400, path, "{").get("type").asString());
    refusal(400, path, "[]");
    assertEquals("prompt", refusal(400, path, "{}").get("param").asString());
    assertEquals(
        "temperature",
        refusal(400, path, "{'prompt':'a','temperature':'x'}").get("param").asString());
    assertEquals(
        "max_tokens", refusal(400, path, "{'prompt':'a','max_tokens':0}").get("param").asString());
    assertEquals("n", refusal(400, path, "{'prompt':'a','n':2}").get("param").asString());
    assertEquals(
        "logit_bias",
        refusal(400, path, "{'prompt':'a','logit_bias':{'5':1}}").get("param").asString());
    assertEquals(
        "model_not_found",
        refusal(404, path, "{'prompt':'a','model':'gpt-4'}").get("code").asString());
    JsonNode overflow = refusal(400, path, "{'prompt':'" + "fox ".repeat(5000) + "'}");
    assertEquals("context_length_exceeded", overflow.get("code").asString());
    assertTrue(overflow.get("message").asString().matches("(?s).*\\d+ tokens.*"));
    refusal(404, "/v1/nothing", "{}");
    assertEquals(405, send(to(server, path).build()).statusCode());
  }

  @Test
  void shouldSayThatAModelWithoutATemplateDoesNotChat() throws Exception {
    JsonNode error =
        refusal(400, "/v1/chat/completions", "{'messages':[{'role':'user','content':'Hello'}]}");
    assertTrue(error.get("message").asString().contains("--chat-template"), error.toString());
  }

  private static final String ROLES =
      "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
          + "{% if add_generation_prompt %}assistant:{% endif %}";

  @Test
  void shouldChat() throws Exception {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).chatTemplate(ROLES).build();
    try (Baton chatty = Baton.open(config);
        BatonServer served =
            BatonServer.start(
                new ServerConfig(ANY, List.of(), null, HttpLimits.usual(), 2),
                new ServedModels(List.of(new ServedModel("chatty", chatty, 1))))) {
      String messages =
          """
          {"messages":[{"role":"system","content":"Be brief."},
           {"role":"user","content":[{"type":"text","text":"A fox"},{"type":"text","text":"ran"}]},
           {"role":"assistant","content":null,"tool_calls":[]}%s],"max_tokens":12,
           "temperature":0,"stream":%s}\
          """;
      // What a null content becomes is the template's business; here it cannot be written.
      HttpResponse<String> refused =
          send(
              to(served, "/v1/chat/completions")
                  .POST(HttpRequest.BodyPublishers.ofString(messages.formatted("", false)))
                  .build());
      assertEquals(400, refused.statusCode(), refused.body());
      String good = messages.replace("null,\"tool_calls\":[]", "\"Where?\"");
      String question = ",{\"role\":\"user\",\"content\":\"There\"}";
      HttpResponse<String> got =
          send(
              to(served, "/v1/chat/completions")
                  .POST(HttpRequest.BodyPublishers.ofString(good.formatted(question, false)))
                  .build());
      assertEquals(200, got.statusCode(), got.body());
      JsonNode choice = json(got.body()).get("choices").get(0);
      String prompt =
          "system: Be brief.\nuser: A fox\nran\nassistant: Where?\nuser: There\nassistant:";
      assertEquals("assistant", choice.get("message").get("role").asString());
      assertEquals(alone(prompt, 12), choice.get("message").get("content").asString());
      List<JsonNode> events =
          events(
              send(
                  to(served, "/v1/chat/completions")
                      .POST(HttpRequest.BodyPublishers.ofString(good.formatted(question, true)))
                      .build()));
      JsonNode first = events.getFirst().get("choices").get(0).get("delta");
      assertEquals("assistant", first.get("role").asString());
      StringBuilder text = new StringBuilder();
      for (JsonNode event : events.subList(1, events.size())) {
        JsonNode delta = event.get("choices").get(0).get("delta");
        assertFalse(delta.has("role"));
        text.append(delta.path("content").asString(""));
      }
      assertEquals(alone(prompt, 12), text.toString());
      JsonNode last = events.getLast().get("choices").get(0);
      assertEquals(0, last.get("delta").size());
      assertEquals("length", last.get("finish_reason").asString());
      for (JsonNode event : events.subList(0, events.size() - 1)) {
        assertTrue(event.get("choices").get(0).get("finish_reason").isNull());
      }
    }
  }

  @Test
  void shouldRefuseTooManyAndGoOn() throws Exception {
    List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
    String body = "{\"prompt\":\"A\",\"max_tokens\":600,\"temperature\":0,\"ignored\":1}";
    for (int i = 0; i < 12; i++) {
      all.add(
          client.sendAsync(
              to(server, "/v1/completions").POST(HttpRequest.BodyPublishers.ofString(body)).build(),
              HttpResponse.BodyHandlers.ofString()));
    }
    int refused = 0;
    for (CompletableFuture<HttpResponse<String>> one : all) {
      HttpResponse<String> got = one.get();
      if (got.statusCode() == 429) {
        refused++;
        assertTrue(got.headers().firstValue("retry-after").isPresent());
        assertEquals("rate_limit_exceeded", json(got.body()).get("error").get("code").asString());
      } else {
        assertEquals(200, got.statusCode(), got.body());
      }
    }
    assertTrue(refused >= 1 && refused <= 8, refused + " refused of 12, where 4 may be taken");
    answer("/v1/completions", "{'prompt':'A','max_tokens':3}");
  }

  @Test
  void shouldCancelWhatNobodyWaitsFor() throws Exception {
    for (boolean stream : new boolean[] {false, true}) {
      double before = cancelled();
      // Any token, so that it hardly ever comes to its own end.
      String body =
          "{\"prompt\":\"A\",\"max_tokens\":900,\"temperature\":100,\"top_k\":0,\"top_p\":1,"
              + "\"min_p\":0,\"seed\":1,\"stream\":"
              + stream
              + "}";
      try (Socket socket =
          new Socket(InetAddress.getLoopbackAddress(), server.address().getPort())) {
        socket
            .getOutputStream()
            .write(
                ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                        + body.length()
                        + "\r\n\r\n"
                        + body)
                    .getBytes(UTF_8));
        while (!metrics().contains("baton_requests_in_progress 1")) {
          Thread.sleep(1);
        }
      }
      long untilNs = System.nanoTime() + 2_000_000_000L;
      while (cancelled() == before) {
        assertTrue(System.nanoTime() < untilNs, metrics());
        Thread.sleep(2);
      }
    }
  }

  private static double cancelled() throws Exception {
    String start = "baton_requests_total{outcome=\"cancelled\"} ";
    return metrics()
        .lines()
        .filter(line -> line.startsWith(start))
        .mapToDouble(line -> Double.parseDouble(line.substring(start.length())))
        .sum();
  }

  private static String metrics() throws Exception {
    return send(to(server, "/metrics").build()).body();
  }

  @Test
  void shouldAskForAKeyWhereItHasSome() throws Exception {
    try (BatonServer locked = server(List.of("one", "two"), null, 2)) {
      assertEquals(401, send(to(locked, "/v1/models").build()).statusCode());
      for (String[] header :
          new String[][] {{"Authorization", "Bearer two"}, {"x-api-key", "one"}}) {
        assertEquals(
            200, send(to(locked, "/v1/models").header(header[0], header[1]).build()).statusCode());
      }
      assertEquals(
          401,
          send(to(locked, "/v1/models").header("Authorization", "Bearer tw").build()).statusCode());
    }
  }

  @Test
  void shouldNotBeReachedByAPageOrUnderAnothersName() throws Exception {
    assertEquals(
        403,
        send(to(server, "/v1/models").header("Origin", "https://evil.example").build())
            .statusCode());
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.address().getPort())) {
      socket
          .getOutputStream()
          .write("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n".getBytes(UTF_8));
      byte[] first = socket.getInputStream().readNBytes(12);
      assertEquals("HTTP/1.1 403", new String(first, UTF_8));
    }
    try (BatonServer open = server(List.of(), "http://page.example", 2)) {
      HttpResponse<String> asked =
          send(
              to(open, "/v1/models")
                  .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                  .header("Origin", "http://page.example")
                  .build());
      assertEquals(204, asked.statusCode());
      assertEquals(
          "http://page.example",
          asked.headers().firstValue("access-control-allow-origin").orElseThrow());
    }
  }
}
