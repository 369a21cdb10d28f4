package dev.baton.cli;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.Split;
import dev.baton.ggml.GgmlAbort;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.ClusterKey;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import dev.baton.node.NodeRole;
import dev.baton.node.PrefillNode;
import dev.baton.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code baton node}: a node that others use, until it is told to end. */
@Command(
    name = "node",
    header = "Run a node that other processes use.",
    description = {
      "%nA prefill node takes orders from decode nodes ('baton run --prefill HOST:PORT') and"
          + " streams the KV cache back.",
      "A node of role both does so as well while it answers requests of its own, on one compute"
          + " thread: prompts come on stdin, one a line, and answers go to stdout, a line of JSON"
          + " each. One of role decode does the latter alone, and ends with its input.",
      "When it is ready it prints the line READY HOST:PORT on stdout. Ctrl-C or SIGTERM ends it.%n"
    },
    footerHeading = "%nExample:%n",
    footer = {
      "  baton node --role prefill --listen 127.0.0.1:4400 --model smollm2-135m",
      "  baton run --model smollm2-135m --prefill 127.0.0.1:4400 \"Why is the sky blue?\"   # in"
          + " another shell"
    })
final class NodeCommand implements Callable<Integer> {
  /** What a node can be. */
  enum Role {
    prefill,
    decode,
    both
  }

  private static final int USUAL_CHUNK = 128;
  private static final int CHILD_PATIENCE_MS = 3_000;
  private static final int DRAIN_MS = 500;

  private final Terminal terminal;
  private final UntilEnded life = new UntilEnded();

  @Option(
      names = "--role",
      paramLabel = "ROLE",
      defaultValue = "prefill",
      description = "What the node does: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private Role role = Role.prefill;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:0",
      converter = Addresses.Listening.class,
      description = "Where to listen; port 0 takes any free one (default: ${DEFAULT-VALUE}).")
  private String listen = "127.0.0.1:0";

  @Option(
      names = "--prefill",
      paramLabel = "HOST:PORT",
      converter = Addresses.OfNode.class,
      description =
          "A prefill node that may work for this one's own requests, where its role is decode or"
              + " both; without one they are answered here alone.")
  private @Nullable String prefill;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "128",
      description = "Longest answer, where the role is decode or both (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int maxTokens;

  @Mixin private MaxStallOption maxStall = new MaxStallOption();

  @Mixin private ClusterKeyOption clusterKey = new ClusterKeyOption();

  @Mixin private ModelOption model = new ModelOption();

  @Mixin private DeviceOption device = new DeviceOption();

  @Mixin private ThreadsOption threads = new ThreadsOption();

  @Mixin private ContextOption context = new ContextOption();

  @Option(
      names = "--max-chunk",
      paramLabel = "N",
      defaultValue = "" + BatonConfig.MAX_CHUNK_TOKENS,
      description = "Largest chunk that an order may ask for (default: ${DEFAULT-VALUE}).")
  @Within(least = 1, most = 65_536)
  private int maxChunk;

  @Option(
      names = "--lease-ms",
      paramLabel = "MS",
      defaultValue = "8000",
      description =
          "How long the work of a silent decode node is kept (default: ${DEFAULT-VALUE}).")
  @Within(least = 1000 * BatonConfig.MIN_LEASE_SECONDS, most = 86_400_000)
  private long leaseMs;

  @Option(
      names = KvDemand.ROOM_OPTION,
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Tokens of all prompts that may be here at once; an order for which there is no room is"
              + " refused. 0: several contexts, as far as memory goes (default: ${DEFAULT-VALUE}).")
  @Within(least = 0)
  private int kvTokens;

  @Option(
      names = "--child",
      hidden = true,
      description = "End when stdin does: the node belongs to the process at its other end.")
  private boolean child;

  @Option(
      names = "--verbose",
      description = "Print a line for each order to stderr, once it has ended.")
  private boolean verbose;

  NodeCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws InterruptedException {
    if (child) {
      Thread.ofPlatform().daemon().name("baton-parent-watch").start(this::watchParent);
    }
    ClusterKey key = clusterKey.key(terminal);
    KernelsConfig kernels = threads.kernels(terminal);
    Path file = model.file(terminal);
    if (role != Role.prefill) {
      return answer(file, key);
    }
    if (prefill != null || maxStall.duration() != null) {
      throw new IllegalArgumentException(
          "--prefill and --max-stall are for nodes with requests of their own: --role both");
    }
    if (!child) {
      requireVocabulary(file);
    }
    try (GracefulShutdown _ = GracefulShutdown.with(life::end);
        StatusLine status = new StatusLine(terminal, System::nanoTime);
        OrderLines lines = new OrderLines(terminal);
        NodeCompute compute =
            NodeCompute.open(
                file,
                device.name(),
                kernels,
                new KvDemand(context.tokens(), kvTokens, child ? 2 : 1),
                done -> status.show("loading " + model.nameOrPath(), done));
        PrefillNode node =
            PrefillNode.launch(compute, listen, maxChunk, Duration.ofMillis(leaseMs), key)) {
      Runnable forget = GgmlAbort.onAbort(why -> giveUp(node, why));
      node.onFailure(life::failed);
      if (verbose) {
        node.onOrderEnd(lines::add);
      }
      status.clear();
      if (!child) {
        compute.notices().forEach(terminal::note);
        terminal.note(
            role
                + " node ready on "
                + node.endpoint()
                + " (model "
                + model.nameOrPath()
                + ", computes by "
                + compute.description()
                + "; datagrams are "
                + node.datagrams()
                + ")");
      }
      life.ready();
      terminal.println("READY " + node.endpoint());
      life.await();
      forget.run();
    }
    return life.status(terminal);
  }

  /** A node with requests of its own. */
  private Integer answer(Path file, @Nullable ClusterKey key) throws InterruptedException {
    boolean takesOrders = role == Role.both;
    BatonConfig config =
        BatonConfig.builder(file)
            .role(takesOrders ? NodeRole.BOTH : NodeRole.DECODE)
            .prefill(prefill)
            .listen(takesOrders ? listen : null)
            .clusterKey(key)
            .split(prefill == null ? new Split.Local() : new Split.Auto())
            .device(device.name())
            .threads(threads.count())
            .contextTokens(context.tokens())
            .kvTokens(kvTokens)
            .chunkTokens(Math.min(maxChunk, USUAL_CHUNK))
            .lease(Duration.ofMillis(leaseMs))
            .maxStall(maxStall.duration())
            .build();
    try (GracefulShutdown _ = GracefulShutdown.with(life::end);
        StatusLine status = new StatusLine(terminal, System::nanoTime);
        OrderLines lines = new OrderLines(terminal);
        Baton baton =
            Baton.open(config, done -> status.show("loading " + model.nameOrPath(), done));
        PromptLines prompts = new PromptLines(terminal, baton, maxTokens)) {
      status.clear();
      baton.onFailure(life::failed);
      if (verbose) {
        baton.onOrderEnd(lines::add);
      }
      baton.compute().notices().forEach(terminal::note);
      String endpoint = baton.endpoint().orElse("");
      terminal.note(
          role
              + " node ready"
              + (takesOrders ? " on " + endpoint : "")
              + " (model "
              + model.nameOrPath()
              + ", computes by "
              + baton.compute().description()
              + "); prompts are read from standard input, one a line");
      life.ready();
      terminal.println(takesOrders ? "READY " + endpoint : "READY");
      prompts.begin(takesOrders ? () -> {} : life::tell);
      life.await();
    }
    return life.status(terminal);
  }

  /**
   * A node computes ids and needs no text, but a model that no decode node can run is told of here,
   * not to all who come. The parent of a child reads the vocabulary itself.
   */
  private static void requireVocabulary(Path file) {
    Tokenizer _ = Tokenizer.of(file);
  }

  /** The library has failed: callers are told and go on without this node, which ends. */
  private void giveUp(PrefillNode node, String why) {
    terminal.complain(Failure.oneLine(why) + "; this node ends, start it again");
    node.abandon(why);
    try {
      Thread.sleep(DRAIN_MS);
    } catch (InterruptedException _) {
      // Ends all the sooner.
    }
    Runtime.getRuntime().halt(BatonCli.FAILED);
  }

  /** The pipe from the parent ends however the parent ends, {@code kill -9} included. */
  private void watchParent() {
    try {
      while (terminal.in().read() >= 0) {
        // Nothing is ever sent.
      }
    } catch (IOException _) {
      // Gone as well.
    }
    life.tell();
    try {
      Thread.sleep(CHILD_PATIENCE_MS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    // Still loading, or stuck: nobody is left to wait for it.
    Runtime.getRuntime().halt(BatonCli.FAILED);
  }
}
