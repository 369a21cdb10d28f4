package dev.baton.cli;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.Split;
import dev.baton.http.HttpLimits;
import dev.baton.kvstream.HostPort;
import dev.baton.server.BatonServer;
import dev.baton.server.ServerConfig;
import dev.baton.server.api.ServedModel;
import dev.baton.server.api.ServedModels;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code baton serve}: a model behind HTTP, until it is told to end. */
@Command(
    name = "serve",
    header = "Serve a model to the clients that people have, over HTTP.",
    description = {
      "%nSpeaks OpenAI's API: /v1/chat/completions, /v1/completions, /v1/models; and answers"
          + " /health and /metrics.",
      "Without keys only this machine is served. When it is ready it prints the line READY URL on"
          + " stdout. Ctrl-C or SIGTERM ends it: what is being answered has --grace to come to its"
          + " end.%n"
    },
    footerHeading = "%nExample:%n",
    footer = {
      "  baton serve --model smollm2-135m",
      "  curl http://127.0.0.1:8642/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\","
          + " \"content\": \"Hello\"}]}'   # in another shell"
    })
final class ServeCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final UntilEnded life = new UntilEnded();

  @Mixin private ModelOption model = new ModelOption();

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:8642",
      converter = Addresses.Listening.class,
      description = "Where to listen; port 0 takes any free one (default: ${DEFAULT-VALUE}).")
  private String listen = "127.0.0.1:8642";

  @Option(
      names = "--prefill",
      paramLabel = "HOST:PORT",
      converter = Addresses.OfNode.class,
      description = "A prefill node that works for this server where that pays.")
  private @Nullable String prefill;

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description =
          "Keys, one a line: each request has to name one. Needed to listen on other addresses than"
              + " this machine's own.")
  private @Nullable Path keyFile;

  @Option(
      names = "--cors",
      paramLabel = "ORIGIN",
      description = "The web page whose scripts may ask, e.g. http://localhost:3000.")
  private @Nullable String cors;

  @Option(
      names = "--parallel",
      paramLabel = "N",
      defaultValue = "16",
      description = "Requests that are answered at once (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 1024)
  private int parallel;

  @Option(
      names = "--max-queue",
      paramLabel = "N",
      defaultValue = "64",
      description = "Requests that may wait; one more is told 429 (default: ${DEFAULT-VALUE}).")
  @Within(least = 0, most = 65_536)
  private int maxQueue;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      defaultValue = "10",
      description =
          "How long what is being answered may take when the server ends (default:"
              + " ${DEFAULT-VALUE}).")
  @Within(least = 0, most = 3600)
  private int graceSeconds;

  @Mixin private MaxStallOption maxStall = new MaxStallOption();

  @Mixin private ClusterKeyOption clusterKey = new ClusterKeyOption();

  @Mixin private DeviceOption device = new DeviceOption();

  @Mixin private ThreadsOption threads = new ThreadsOption();

  @Mixin private ContextOption context = new ContextOption();

  ServeCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws InterruptedException {
    HostPort where = HostPort.listening(listen);
    List<String> keys = keyFile == null ? List.of() : keysOf(keyFile);
    InetSocketAddress address = new InetSocketAddress(where.host(), where.port());
    if (address.isUnresolved()) {
      throw new UserException("there is no host '" + where.host() + "' to listen on");
    }
    ServerConfig config = new ServerConfig(address, keys, cors, HttpLimits.usual(), maxQueue);
    Path file = model.file(terminal);
    BatonConfig engine =
        BatonConfig.builder(file)
            .prefill(prefill)
            .clusterKey(clusterKey.key(terminal))
            .split(prefill == null ? new Split.Local() : new Split.Auto())
            .device(device.name())
            .threads(threads.count())
            .contextTokens(context.tokens())
            .maxSessions(parallel)
            .maxStall(maxStall.duration())
            .build();
    try (GracefulShutdown _ = GracefulShutdown.with(life::end, Duration.ofSeconds(graceSeconds));
        StatusLine status = new StatusLine(terminal, System::nanoTime);
        Baton baton =
            Baton.open(engine, done -> status.show("loading " + model.nameOrPath(), done))) {
      status.clear();
      baton.onFailure(life::failed);
      baton.compute().notices().forEach(terminal::note);
      ServedModel served =
          new ServedModel(nameOf(model.nameOrPath()), baton, Instant.now().getEpochSecond());
      try (BatonServer server = BatonServer.start(config, new ServedModels(List.of(served)))) {
        life.ready();
        terminal.println("READY " + urlOf(server.address()));
        life.await();
        if (!life.hasFailed() && !server.drain(Duration.ofSeconds(graceSeconds))) {
          terminal.note("some answers were not through in " + graceSeconds + " s; they are ended");
        }
      }
    }
    return life.status(terminal);
  }

  /** A catalog's name as it is, a file by its name without the folder and the ending. */
  private static String nameOf(String nameOrPath) {
    String name = nameOrPath.substring(nameOrPath.replace('\\', '/').lastIndexOf('/') + 1);
    return name.endsWith(".gguf") ? name.substring(0, name.length() - ".gguf".length()) : name;
  }

  private static String urlOf(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  private List<String> keysOf(Path file) {
    List<String> keys =
        terminal
            .textOfFile(file.toString())
            .lines()
            .map(String::strip)
            .filter(line -> !line.isEmpty())
            .toList();
    if (keys.isEmpty()) {
      throw new UserException(file + " has no key in it: one a line");
    }
    return keys;
  }
}
