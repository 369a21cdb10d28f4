package dev.baton.bench.result;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Chromium without a window, driven by its driver over WebDriver's HTTP. One thread.
 *
 * <p>Source: WebDriver, W3C; ChromeDriver's {@code goog:} and {@code se/log} commands.
 */
final class Browser implements AutoCloseable {
  private static final Pattern PORT = Pattern.compile("started successfully on port (\\d+)");

  private final Process driver;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String session;

  private Browser(Process driver, int port, Path profile) throws IOException, InterruptedException {
    this.driver = driver;
    String root = "http://127.0.0.1:" + port + "/session";
    List<String> arguments =
        List.of(
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--user-data-dir=" + profile);
    JsonNode created =
        post(
            root,
            Map.of(
                "capabilities",
                Map.of(
                    "alwaysMatch",
                    Map.of(
                        "goog:chromeOptions",
                        Map.of("binary", program("chromium").orElseThrow(), "args", arguments),
                        "goog:loggingPrefs",
                        Map.of("browser", "ALL")))));
    this.session = root + "/" + created.path("sessionId").asString();
  }

  /** Why there is no browser here, or null. */
  static @Nullable String whyMissing() {
    return program("chromium").isPresent() && program("chromedriver").isPresent()
        ? null
        : "Debian's chromium and chromium-driver are not installed";
  }

  private static Optional<String> program(String name) {
    return Stream.of("/usr/bin/" + name, "/usr/lib/chromium/" + name)
        .filter(path -> Files.isExecutable(Path.of(path)))
        .findFirst();
  }

  /** Starts one with a fresh profile in {@code folder}. */
  static Browser start(Path folder) throws IOException, InterruptedException {
    Process driver =
        new ProcessBuilder(program("chromedriver").orElseThrow(), "--port=0")
            .redirectErrorStream(true)
            .start();
    try {
      BufferedReader said = driver.inputReader(StandardCharsets.UTF_8);
      for (String line = said.readLine(); line != null; line = said.readLine()) {
        Matcher port = PORT.matcher(line);
        if (port.find()) {
          return new Browser(driver, Integer.parseInt(port.group(1)), folder);
        }
      }
      throw new IOException("the browser's driver did not start");
    } catch (IOException | InterruptedException | RuntimeException e) {
      end(driver);
      throw e;
    }
  }

  private JsonNode post(String to, Object body) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(to))
            .timeout(Duration.ofSeconds(60))
            .POST(HttpRequest.BodyPublishers.ofString(JsonMapper.shared().writeValueAsString(body)))
            .build();
    HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(to + " says " + answer.body());
    }
    return JsonMapper.shared().readTree(answer.body()).path("value");
  }

  void open(Path page) throws IOException, InterruptedException {
    post(session + "/url", Map.of("url", page.toUri().toString()));
  }

  /** What a function's body returns. */
  JsonNode run(String script) throws IOException, InterruptedException {
    return post(session + "/execute/sync", Map.of("script", script, "args", List.of()));
  }

  /** Has pages laid out for a screen. */
  void screen(int width, int height, boolean dark) throws IOException, InterruptedException {
    cdp(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
    cdp(
        "Emulation.setEmulatedMedia",
        Map.of(
            "features",
            List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
  }

  private JsonNode cdp(String command, Map<String, Object> parameters)
      throws IOException, InterruptedException {
    return post(session + "/goog/cdp/execute", Map.of("cmd", command, "params", parameters));
  }

  /** Presses a key on what has the focus: WebDriver's code of it. */
  void press(String key) throws IOException, InterruptedException {
    post(
        session + "/actions",
        Map.of(
            "actions",
            List.of(
                Map.of(
                    "type",
                    "key",
                    "id",
                    "keyboard",
                    "actions",
                    List.of(
                        Map.of("type", "keyDown", "value", key),
                        Map.of("type", "keyUp", "value", key))))));
  }

  /** What the console says so far: level and message. */
  List<String> console() throws IOException, InterruptedException {
    List<String> lines = new ArrayList<>();
    for (JsonNode entry : post(session + "/se/log", Map.of("type", "browser"))) {
      lines.add(entry.path("level").asString() + " " + entry.path("message").asString());
    }
    return lines;
  }

  /** A picture of the screen, as PNG. */
  byte[] screenshot() throws IOException, InterruptedException {
    return Base64.getDecoder()
        .decode(cdp("Page.captureScreenshot", Map.of()).path("data").asString());
  }

  @Override
  public void close() throws IOException {
    try {
      HttpRequest quit = HttpRequest.newBuilder(URI.create(session)).DELETE().build();
      http.send(quit, HttpResponse.BodyHandlers.discarding());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      end(driver);
      http.close();
    }
  }

  private static void end(Process driver) {
    driver.descendants().forEach(ProcessHandle::destroy);
    driver.destroy();
  }
}
