package dev.baton.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A real server and clients on real sockets. */
@Timeout(60)
class HttpServerTest {
  private static final HttpLimits LIMITS =
      new HttpLimits(8, 8 << 10, 100_000, Duration.ofMillis(600), Duration.ofMillis(800));

  private final CountDownLatch lost = new CountDownLatch(1);
  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch arrived = new CountDownLatch(1);
  private final AtomicInteger written = new AtomicInteger();
  private final AtomicReference<Throwable> thrown = new AtomicReference<>();
  private HttpServer server;
  private final HttpClient client = HttpClient.newHttpClient();

  /** What is asked for says what is to happen. */
  private final class Handler implements HttpHandler {
    @Override
    public void admit(HttpExchange head) throws HttpException {
      if (head.header("x-refuse").isPresent()) {
        throw new HttpException(401, "no");
      }
    }

    @Override
    public void handle(HttpExchange exchange) throws HttpException, InterruptedException {
      switch (exchange.path()) {
        case "/echo" -> exchange.send(200, "text/plain", exchange.body());
        case "/bad" -> throw new HttpException(400, "this and that");
        case "/fault" -> throw new IllegalStateException("a fault");
        case "/nothing" -> {}
        case "/wait" -> {
          exchange.onLost(lost::countDown);
          arrived.countDown();
          held.await();
          exchange.send(200, "text/plain", "late".getBytes(UTF_8));
        }
        case "/stream" -> {
          HttpStream stream = exchange.stream(200, "text/event-stream");
          for (int i = 0; i < 3; i++) {
            stream.write("data: " + i + "\n\n");
          }
        }
        case "/quiet" -> {
          HttpStream stream = exchange.stream(200, "text/event-stream");
          stream.keepAlive(Duration.ofMillis(60), () -> ": still here\n\n");
          held.await();
          stream.write("data: x\n\n");
        }
        case "/endless" -> {
          exchange.onLost(lost::countDown);
          HttpStream stream = exchange.stream(200, "text/event-stream");
          try {
            while (true) {
              stream.write("x".repeat(10_000));
              written.incrementAndGet();
              if (exchange.query("slow").isPresent()) {
                Thread.sleep(5);
              }
            }
          } catch (LostClientException e) {
            thrown.set(e);
            lost.countDown();
            throw e;
          }
        }
        case "/half" -> {
          exchange.stream(200, "text/plain").write("half");
          throw new IllegalStateException("in the middle");
        }
        default -> throw new HttpException(404, "no such thing");
      }
    }

    @Override
    public byte[] errorBody(HttpExchange exchange, HttpException error) {
      return ("{\"error\":\"" + error.getMessage() + "\"}").getBytes(UTF_8);
    }
  }

  @BeforeEach
  void start() throws InterruptedException {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    server = HttpServer.start(any, new Handler(), LIMITS);
  }

  @AfterEach
  void close() {
    held.countDown();
    server.close();
    client.close();
  }

  private URI uri(String path) {
    return URI.create("http://127.0.0.1:" + server.address().getPort() + path);
  }

  private HttpResponse<String> post(String path, String body)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(uri(path)).POST(HttpRequest.BodyPublishers.ofString(body)).build();
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private Socket socket() throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.address().getPort());
    socket.setSoTimeout(20_000);
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(UTF_8));
    socket.getOutputStream().flush();
  }

  /** All that comes until the other side closes. */
  private static String rest(Socket socket) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    InputStream in = socket.getInputStream();
    try {
      for (int b = in.read(); b >= 0; b = in.read()) {
        all.write(b);
      }
    } catch (java.net.SocketException _) {
      // Reset: it was closed with something of ours unread.
    }
    return all.toString(UTF_8);
  }

  @Test
  void shouldAnswerOnOneConnectionAfterTheOther() throws Exception {
    for (int i = 0; i < 50; i++) {
      HttpResponse<String> got = post("/echo", "text ä " + i);
      assertEquals(200, got.statusCode());
      assertEquals("text ä " + i, got.body());
    }
    assertEquals("x".repeat(90_000), post("/echo", "x".repeat(90_000)).body());
    assertEquals(1, server.connections());
  }

  @Test
  void shouldSayWhatIsWrongWithoutATrace() throws Exception {
    assertEquals("{\"error\":\"this and that\"}", post("/bad", "").body());
    assertEquals(404, post("/other", "").statusCode());
    for (String path : new String[] {"/fault", "/nothing"}) {
      HttpResponse<String> got = post(path, "");
      assertEquals(500, got.statusCode());
      assertEquals("{\"error\":\"the server failed; its log says why\"}", got.body());
    }
    assertEquals(200, post("/echo", "and goes on").statusCode());
  }

  @Test
  void shouldStream() throws Exception {
    HttpResponse<String> got = post("/stream", "");
    assertEquals("data: 0\n\ndata: 1\n\ndata: 2\n\n", got.body());
    assertEquals("text/event-stream", got.headers().firstValue("content-type").orElseThrow());
    try (Socket old = socket()) {
      send(old, "GET /stream HTTP/1.0\r\n\r\n");
      String all = rest(old);
      assertTrue(all.endsWith("\r\n\r\ndata: 0\n\ndata: 1\n\ndata: 2\n\n"), all);
    }
  }

  @Test
  void shouldRefuseBeforeTheBodyIsRead() throws Exception {
    try (Socket socket = socket()) {
      send(socket, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
      String all = rest(socket);
      assertTrue(all.startsWith("HTTP/1.1 413 "), all);
      assertTrue(all.contains("larger than 100000 bytes"), all);
    }
    try (Socket socket = socket()) {
      send(socket, "POST /echo HTTP/1.1\r\nHost: x\r\nx-refuse: 1\r\nContent-Length: 5\r\n\r\n");
      String all = rest(socket);
      assertTrue(all.startsWith("HTTP/1.1 401 "), all);
    }
    try (Socket socket = socket()) {
      send(socket, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
      String chunk = "4000\r\n" + "x".repeat(0x4000) + "\r\n";
      for (int i = 0; i < 7; i++) {
        send(socket, chunk);
      }
      String all = rest(socket);
      assertTrue(all.startsWith("HTTP/1.1 413 "), all);
    }
  }

  @Test
  void shouldRefuseWhatIsNoHttp() throws Exception {
    for (String text : new String[] {"hello\r\n\r\n", "GET / HTTP/1.1\r\n" + "a".repeat(9000)}) {
      try (Socket socket = socket()) {
        send(socket, text);
        String all = rest(socket);
        assertTrue(all.startsWith("HTTP/1.1 400 "), all);
      }
    }
  }

  @Test
  void shouldAnswerWhatWasSentAheadInItsOrder() throws Exception {
    try (Socket socket = socket()) {
      StringBuilder ahead = new StringBuilder();
      for (int i = 0; i < 5; i++) {
        ahead.append("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n").append(i);
      }
      send(socket, ahead + "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      String all = rest(socket).replaceAll("(?s)HTTP/1.1 200 OK.*?\r\n\r\n", "|");
      assertTrue(all.startsWith("|0|1|2|3|4|"), all);
      assertTrue(all.contains("data: 2"), all);
    }
  }

  @Test
  void shouldSeeAtOnceThatAClientIsGoneThatWaits() throws Exception {
    try (Socket socket = socket()) {
      send(socket, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
      arrived.await();
    }
    assertTrue(lost.await(1, TimeUnit.SECONDS), "not seen within a second");
  }

  @Test
  void shouldSeeAtOnceThatAClientIsGoneThatReads() throws Exception {
    try (Socket socket = socket()) {
      send(socket, "GET /endless?slow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
      assertTrue(socket.getInputStream().read() > 0);
    }
    assertTrue(lost.await(1, TimeUnit.SECONDS), "not seen within a second");
  }

  @Test
  void shouldHaveTheWriterWaitForWhoReadsSlowlyAndLeaveWhoDoesNotRead() throws Exception {
    try (Socket socket = socket()) {
      socket.setReceiveBufferSize(8 << 10);
      send(socket, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
      Thread.sleep(400);
      int before = written.get();
      Thread.sleep(100);
      assertEquals(before, written.get(), "nobody reads, and more is written");
      assertTrue(lost.await(5, TimeUnit.SECONDS));
      assertEquals(LostClientException.class, thrown.get().getClass());
    }
  }

  @Test
  void shouldKeepAQuietAnswerAlive() throws Exception {
    try (Socket socket = socket()) {
      send(socket, "GET /quiet HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      StringBuilder got = new StringBuilder();
      while (got.toString().split(": still here", -1).length < 5) {
        got.append((char) socket.getInputStream().read());
      }
      held.countDown();
      assertTrue(rest(socket).contains("data: x\n\n"));
    }
  }

  @Test
  void shouldEndTheConnectionOfAnAnswerThatFailsInTheMiddle() throws Exception {
    try (Socket socket = socket()) {
      send(socket, "GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
      String all = rest(socket);
      assertTrue(all.contains("half"), all);
      assertFalse(all.endsWith("0\r\n\r\n"), "looks whole: " + all);
    }
  }

  @Test
  void shouldCloseWhoeverTakesTooLongToAskAndNotWhoWaits() throws Exception {
    try (Socket dribbling = socket();
        Socket waits = socket()) {
      send(waits, "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      send(dribbling, "GET / HT");
      long startNs = System.nanoTime();
      for (int i = 0; i < 40 && server.connections() > 1; i++) {
        Thread.sleep(50);
        try {
          send(dribbling, "T");
        } catch (IOException _) {
          break;
        }
      }
      assertTrue(System.nanoTime() - startNs < 1_800_000_000L, "a dribbling client was kept");
      held.countDown();
      assertTrue(rest(waits).endsWith("late"), "who waited for an answer was closed");
    }
  }

  @Test
  void shouldCloseConnectionsBeyondTheLimit() throws Exception {
    Socket[] many = new Socket[8];
    try {
      for (int i = 0; i < 8; i++) {
        many[i] = socket();
      }
      while (server.connections() < 8) {
        Thread.sleep(5);
      }
      try (Socket more = socket()) {
        assertEquals("", rest(more));
      }
    } finally {
      for (Socket socket : many) {
        socket.close();
      }
    }
  }

  @Test
  void shouldDrain() throws Exception {
    try (Socket idle = socket();
        Socket waits = socket()) {
      send(waits, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
      arrived.await();
      assertFalse(server.drain(Duration.ofMillis(50)), "it is still being answered");
      assertEquals("", rest(idle));
      held.countDown();
      assertTrue(server.drain(Duration.ofSeconds(5)));
      assertTrue(rest(waits).endsWith("late"));
    }
  }
}
