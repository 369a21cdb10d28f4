package dev.baton.bench.split;

import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.process.ScratchFolder;
import dev.baton.bench.report.WrongResult;
import dev.baton.bench.stream.OneCore;
import dev.baton.bench.stream.ShapedLink;
import dev.baton.catalog.CacheFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Two nodes with a thread each in processes of their own and a link between them, as unlike as the
 * machine allows ({@link PairKind}). They share a network namespace and a fresh {@code BATON_HOME},
 * so that what the planner knows is what it measured here. Nothing else runs while a request does.
 * One thread.
 */
final class UnlikePair implements AutoCloseable {
  /** For a request that is under way to end, and the nodes after it. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Path home;
  private final ChildJvm decode;
  private final PairCommand.Facts facts;
  private final Thread end = new Thread(this::release, "baton-bench-pair-end");

  /**
   * Starts both nodes and waits until they and their link are measured.
   *
   * @param contextTokens what both nodes serve at most; 0 for what the model and memory allow
   * @param linkPrefix words to put before a command so that it runs beside the link
   * @throws WrongResult when they do not start, with what they said
   */
  UnlikePair(Path model, PairKind kind, int contextTokens, List<String> linkPrefix)
      throws IOException, InterruptedException {
    this.home = Files.createTempDirectory("baton-bench-");
    List<String> prefix = new ArrayList<>(linkPrefix);
    List<String> command =
        new ArrayList<>(List.of("split-pair", "--model=" + model.toAbsolutePath()));
    if (kind.pinned()) {
      prefix.addAll(OneCore.DECODE.prefix());
      command.add("--pinned");
    }
    command.addAll(List.of("--ctx-size", Integer.toString(contextTokens)));
    command.addAll(List.of("--device", kind.decodeDevice()));
    command.addAll(List.of("--prefill-device", kind.prefillDevice()));
    // A fresh home, but with the accelerators' library of the usual one.
    Path libraries = CacheFolder.of(System.getenv()).resolve("ggml");
    if (Files.isDirectory(libraries)) {
      Files.createSymbolicLink(home.resolve("ggml"), libraries.toAbsolutePath());
    }
    Map<String, String> environment = new HashMap<>(Map.of("BATON_HOME", home.toString()));
    if (kind.decodeIsa() != null) {
      environment.put("BATON_CPU_ISA", kind.decodeIsa());
    }
    this.decode = ChildJvm.start(prefix, environment, ChildJvm.BENCH, command);
    Runtime.getRuntime().addShutdownHook(end);
    try {
      this.facts = answer(PairCommand.Facts.class);
    } catch (WrongResult e) {
      close();
      throw e;
    }
  }

  /** Why there can be no pair with a core each over a shaped link here, or null. */
  static @Nullable String whyMissing() {
    String cores = OneCore.whyMissing();
    return cores != null ? cores : ShapedLink.whyMissing();
  }

  PairCommand.Facts facts() {
    return facts;
  }

  /**
   * Runs one request to its end.
   *
   * @throws WrongResult when it does not run as asked, or a node is gone
   */
  SplitRun run(SplitRequest request) throws InterruptedException {
    decode.send(JsonMapper.shared().writeValueAsString(request));
    return answer(SplitRun.class);
  }

  private <T> T answer(Class<T> type) throws InterruptedException {
    String line = decode.readLine();
    if (line == null) {
      throw decode.failure();
    }
    return JsonMapper.shared().readValue(line, type);
  }

  /** What the planner measured, in the form in which it is kept. */
  JsonNode profile() throws IOException {
    try (Stream<Path> files = Files.list(home.resolve("profiles"))) {
      Path file = files.findFirst().orElseThrow(() -> new IOException("no profile was kept"));
      return JsonMapper.shared().readTree(Files.readString(file)).path("profile");
    }
  }

  /** Ends both nodes and forgets what they measured. Twice is fine. */
  @Override
  public void close() {
    decode.send(PairCommand.END);
    try {
      decode.awaitEnd(PATIENCE);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    release();
    try {
      Runtime.getRuntime().removeShutdownHook(end);
    } catch (IllegalStateException _) {
      // The process is ending, and does the same.
    }
  }

  private void release() {
    decode.close();
    ScratchFolder.delete(home);
  }
}
