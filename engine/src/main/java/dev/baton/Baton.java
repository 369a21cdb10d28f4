package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.CalibrationException;
import dev.baton.calibrate.PairProfile;
import dev.baton.catalog.CacheFolder;
import dev.baton.decode.DecodeQueue;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.exposition.PrometheusText;
import dev.baton.ggml.GgmlAbort;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.metrics.Meters;
import dev.baton.node.ChildNode;
import dev.baton.node.ClusterException;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import dev.baton.node.OrderMeters;
import dev.baton.node.PrefillLink;
import dev.baton.plan.PlanDecision;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.prefill.PrefillQueue;
import dev.baton.schedule.Scheduler;
import dev.baton.text.ChatTemplate;
import dev.baton.text.Tokenizer;
import dev.baton.thread.Background;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.DoubleConsumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The engine: one model, opened once, answering any number of requests from any threads. Each
 * request's prefill is split between a prefill node and this process at a boundary layer; decoding
 * is always here. The answer does not depend on the split by a bit, unless an accelerator takes
 * part ({@link BatonConfig#device}), whose numbers agree within a tolerance.
 *
 * <pre>{@code
 * try (Baton baton = Baton.open(BatonConfig.builder(Path.of("model.gguf")).build());
 *     Generation answer = baton.generate(GenerateRequest.of("Once upon a time"))) {
 *   for (String text = answer.next(); text != null; text = answer.next()) {
 *     System.out.print(text);
 *   }
 * }
 * }</pre>
 */
public final class Baton implements AutoCloseable {
  private static final String NODE_MAIN = "dev.baton.cli.BatonCli";

  /** Longer than a child may take to start, or a node to be silent. */
  private static final Duration FIRST_CONNECTION = Duration.ofMinutes(6);

  /**
   * What opening with an automatic split may wait for a prefill node, to hear whether it refuses.
   */
  private static final Duration AUTO_OPEN = Duration.ofSeconds(1);

  private final BatonConfig config;
  private final NodeCompute compute;
  private final PrefillLink link;
  private final Scheduler scheduler;
  private final DecodeQueue queue;
  private @Nullable OrderMeters orderMeters; // set when it is made
  private final @Nullable String endpoint; // where other nodes' orders are taken
  private final Runnable forgetAborts;
  private final Meters meters = new Meters();
  private final RequestMeters requests = new RequestMeters(meters);
  private final ModelText text;
  private final Object autoLock = new Object(); // held to begin or end, never while waiting
  private volatile @Nullable AutoSplit auto; // set under autoLock
  private boolean closed; // guarded by autoLock

  Baton(BatonConfig config, NodeCompute compute, ModelText text, PrefillLink link) {
    this.config = config;
    this.compute = compute;
    this.link = link;
    this.text = text;
    if (!(config.split() instanceof Split.Auto)) {
      config.split().boundaryLayer(compute.model().shape().layers());
    }
    config.wireType().tokenBytes(compute.model().kvGeometry());
    this.scheduler =
        new Scheduler(
            compute.model(),
            new Scheduler.Limits(
                config.chunks().largestTokens(), config.maxSessions(), config.maxStallNs()),
            System::nanoTime);
    compute.keepFor(scheduler.thread());
    this.queue = new DecodeQueue(scheduler, compute.model(), compute.pool(), System::nanoTime);
    try {
      this.endpoint = config.takesOrders() ? takeOrders() : null;
    } catch (RuntimeException | Error e) {
      scheduler.close();
      throw e;
    }
    scheduler.onFailure(link::fail);
    if (wantsRemote(config.split())) {
      link.connect(compute);
    }
    compute.showIn(meters);
    RequestMeters.show(queue, meters);
    this.forgetAborts = GgmlAbort.onAbort(scheduler::abandon);
  }

  /** On the compute thread, and at the end of the streams, that requests of its own use. */
  private String takeOrders() {
    PrefillQueue orders = new PrefillQueue(scheduler, compute.model(), compute.pool());
    orderMeters = OrderMeters.of(orders, meters);
    return link.serve(compute, orders, orders.limits());
  }

  /**
   * Has {@code action} told what becomes of each order of another node from now on. On the stream's
   * thread: it may not wait.
   */
  public void onOrderEnd(Consumer<OrderReport> action) {
    if (orderMeters != null) {
      orderMeters.tell(action);
    }
  }

  /**
   * Has {@code action} told why, once, should the compute have failed: all requests have ended, and
   * no more are taken. The engine is still to be closed.
   */
  public void onFailure(Consumer<String> action) {
    scheduler.onFailure(why -> {
      link.fail(why);
      action.accept(why);
    });
  }

  /** HOST:PORT where other nodes' orders are taken, where that is so. */
  public Optional<String> endpoint() {
    return Optional.ofNullable(endpoint);
  }

  /** What the planner plans with; measured in the background from when it is first asked for. */
  private AutoSplit auto() {
    AutoSplit known = auto;
    if (known != null) {
      return known;
    }
    synchronized (autoLock) {
      if (closed) {
        throw new IllegalStateException("the engine is closed");
      }
      known = auto;
      if (known == null) {
        link.connect(compute);
        known = new AutoSplit(pair(), CacheFolder.of(System.getenv()));
        auto = known;
      }
      return known;
    }
  }

  private AutoSplit.Pair pair() {
    return new AutoSplit.Pair(config, compute, modelName(), link::connected, queue);
  }

  /**
   * Waits for the prefill node as an engine that is opened does: where a request is to be split for
   * certain, until it is there, refuses or does not answer; where that is left to Baton, a moment.
   * A node that is not there yet is none that refuses: requests are answered here until it comes.
   */
  private void awaitPrefillNode() {
    boolean automatic = config.split() instanceof Split.Auto;
    long startNs = System.nanoTime();
    AutoSplit planner = automatic ? auto() : null;
    try {
      link.awaitFirstAttempt(automatic ? AUTO_OPEN : FIRST_CONNECTION);
    } catch (StreamException e) {
      if (!e.isNoAnswer()) {
        throw e;
      }
    }
    if (planner != null) {
      long waitedNs = System.nanoTime() - startNs;
      planner.measuring().awaitWarm(AUTO_OPEN.minusNanos(waitedNs));
      planner.measuring().waited(Math.min(waitedNs, AUTO_OPEN.toNanos()));
    }
  }

  /**
   * Measures this node, the prefill node and the link between them for this model, whatever was
   * measured before, and keeps it for {@link Split.Auto}: the engine that is opened next plans with
   * it. Nothing else should run meanwhile; requests go first and make it longer.
   *
   * @param progress told the share done, 0..1, on the calling thread
   * @throws CalibrationException when a measured request fails
   * @throws StreamException when the prefill node cannot be reached or will not work with this one
   * @throws ClusterException when a prefill node cannot be started
   * @throws UncheckedIOException when it cannot be kept
   */
  public PairProfile calibrate(Calibration.Effort effort, DoubleConsumer progress)
      throws InterruptedException {
    PrefillPeer peer = awaitPeer();
    return AutoSplit.measure(pair(), peer, CacheFolder.of(System.getenv()), effort, progress);
  }

  /** Measures this node alone; the figures can stand in a cluster file. Nothing is kept. */
  public SpeedProfile calibrateAlone(Calibration.Effort effort, DoubleConsumer progress)
      throws InterruptedException {
    return AutoSplit.calibration(
            compute,
            config.chunks().largestTokens(),
            AutoSplit.trial(compute, queue),
            effort,
            progress)
        .here();
  }

  /** What to know of the measurements that {@link Split.Auto} plans with, one line for people. */
  public Optional<String> planNotice() {
    AutoSplit planner = auto;
    return planner != null && planner.isCoarse()
        ? Optional.of(
            "both nodes were measured in a few seconds only; 'baton calibrate' measures them well")
        : Optional.empty();
  }

  /**
   * Waits until {@link Split.Auto} plans with measurements, for who wants that at any price:
   * requests wait for it by themselves as far as they gain by it.
   *
   * @return false when they are not there in time
   */
  public boolean awaitPlanner(Duration most) {
    return auto().measuring().await(most);
  }

  /**
   * Why there is no prefill node at this moment, one line, where the engine has one; requests are
   * answered here meanwhile.
   */
  public Optional<String> prefillTrouble() {
    return wantsRemote(config.split()) ? Optional.ofNullable(link.trouble()) : Optional.empty();
  }

  /**
   * What could not be read or kept of what {@link Split.Auto} learns, a line each for people. Where
   * that is just being read, it waits for it, but not for a disk that hangs.
   */
  public List<String> diskNotices() {
    AutoSplit planner = auto;
    return planner == null ? List.of() : planner.notices();
  }

  /** {@link #open(BatonConfig, DoubleConsumer)} without progress. */
  public static Baton open(BatonConfig config) {
    return open(config, done -> {});
  }

  /**
   * Loads the model and, unless the split is local, starts or connects to the prefill node. With an
   * automatic split it waits for that a moment at most, since requests can do without.
   *
   * @param progress told the share of the model loaded, 0..1, on the calling thread
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws dev.baton.arch.ModelException when it holds a model that this version does not run
   * @throws IllegalArgumentException when the configuration does not fit the model
   * @throws StreamException when the prefill node will not work with this one, or the network will
   *     not; one that is not there yet is waited for in the background, while requests are answered
   *     here
   * @throws ClusterException when a prefill node cannot be started
   */
  public static Baton open(BatonConfig config, DoubleConsumer progress) {
    PrefillLink link =
        new PrefillLink(
            config.prefill(),
            StreamConfig.builder()
                .listen(config.listen())
                .advertise(config.advertise())
                .trace(config.timeline())
                .clusterKey(config.clusterKey())
                .leaseNs(config.lease().toNanos())
                .build(),
            () ->
                ChildNode.start(
                    new ChildNode.Setup(
                        config.model(),
                        config.prefillDevice(),
                        config.threads(),
                        config.contextTokens(),
                        config.lease(),
                        config.clusterKey()),
                    NODE_MAIN));
    NodeCompute compute = null;
    Baton opened = null;
    try {
      if (wantsRemote(config.split())) {
        link.begin();
      }
      // Beside the loading of the model, which takes about as long.
      CompletableFuture<ModelText> text =
          Background.begin(
              "baton-tokenizer", () -> ModelText.of(config.model(), config.chatTemplate()));
      compute =
          NodeCompute.open(
              config.model(),
              config.device(),
              kernels(config.threads()),
              config.kvDemand(),
              progress);
      Baton baton = new Baton(config, compute, Background.result(text), link);
      opened = baton;
      if (wantsRemote(config.split())) {
        baton.awaitPrefillNode();
      }
      return baton;
    } catch (RuntimeException | Error e) {
      if (opened != null) {
        opened.close();
        throw e;
      }
      link.close();
      if (compute != null) {
        compute.close();
      }
      throw e;
    }
  }

  private static KernelsConfig kernels(int threads) {
    KernelsConfig kernels = KernelsConfig.fromEnvironment(System.getenv());
    return threads == 0 ? kernels : kernels.withThreads(threads);
  }

  private static boolean wantsRemote(Split split) {
    return switch (split) {
      case Split.Local() -> false;
      case Split.Remote(), Split.Auto() -> true;
      case Split.At(int layer) -> layer > 0;
    };
  }

  /**
   * Starts to answer; the text comes through the {@link Generation}.
   *
   * @throws BatonException when the prompt is empty or longer than the context, the model's chat
   *     template cannot be written ({@link #chatTemplate}), or the model's file has become another
   *     since it was loaded
   * @throws IllegalArgumentException when the request's split does not fit the model
   * @throws IllegalStateException when the engine is closed
   */
  public Generation generate(GenerateRequest request) {
    long startedNs = System.nanoTime();
    try {
      return start(text.promptTokens(request), request, false, startedNs);
    } catch (BatonException | IllegalArgumentException e) {
      requests.refused();
      throw e;
    }
  }

  /**
   * Answers token ids as they are, greedily and with so many tokens, past where the model would end
   * its answer: for measuring. A prefill node at a given boundary is waited for; {@link Split.Auto}
   * is served as by {@link #generate}.
   *
   * @throws BatonException when prompt and answer do not fit the context
   * @throws IllegalArgumentException when an id is none of the model's, or the split does not fit
   *     it
   * @throws IllegalStateException when the engine is closed
   */
  public Generation generateExactly(int[] prompt, int outputTokens, Split split) {
    long startedNs = System.nanoTime();
    int context = compute.contextTokens();
    if (prompt.length == 0 || outputTokens > context - prompt.length) {
      throw new BatonException(
          "a prompt of "
              + prompt.length
              + " tokens and "
              + outputTokens
              + " after it do not fit "
              + contextName());
    }
    int vocabulary = compute.model().shape().vocab();
    for (int token : prompt) {
      if (token < 0 || token >= vocabulary) {
        throw new IllegalArgumentException(
            "a token is from 0 to " + (vocabulary - 1) + ", not " + token);
      }
    }
    GenerateRequest request =
        GenerateRequest.builder("").raw(true).maxTokens(outputTokens).split(split).build();
    return start(prompt.clone(), request, true, startedNs);
  }

  /** The context that is served, and whose choice that is. */
  private String contextName() {
    int own = compute.model().shape().context();
    return compute.contextTokens() == own
        ? "the model's context of " + own
        : "the context of "
            + compute.contextTokens()
            + " (of the model's "
            + own
            + "; "
            + KvDemand.CONTEXT_OPTION
            + " sets it)";
  }

  private Generation start(int[] prompt, GenerateRequest request, boolean exactly, long startedNs) {
    int context = compute.contextTokens();
    if (prompt.length >= context) {
      throw BatonException.contextOverflow(
          "the prompt has "
              + prompt.length
              + " tokens, but "
              + (context == compute.model().shape().context()
                  ? "the model's context is " + context
                  : "what is served is " + contextName())
              + ": shorten the prompt");
    }
    String trouble = compute.model().trouble();
    if (trouble != null) {
      throw new BatonException(trouble);
    }
    int maxTokens = Math.min(request.maxTokens(), context - prompt.length);
    int layers = compute.model().shape().layers();
    Split split = request.split() == null ? config.split() : request.split();
    boolean patient = config.patient() || (exactly && !(split instanceof Split.Auto));
    PrefixChain chain = exactly ? null : new PrefixChain(new Prompt(prompt, 0), prompt.length);
    RemotePrefill remote = null;
    String prefillName = decodeName();
    String unplanned = null;
    AutoSplit.Planned planned = null;
    if (split instanceof Split.Auto || config.split() instanceof Split.Auto) {
      planned =
          auto()
              .plan(
                  new AutoSplit.Ask(
                      prompt.length,
                      chain == null ? 0 : queue.cachedTokens(chain),
                      chain == null ? new byte[0] : chain.array(),
                      maxTokens,
                      exactly,
                      request.caller(),
                      split));
    }
    try {
      PlanDecision decision = planned == null ? null : planned.decision();
      if (decision != null) {
        SplitPlan plan = decision.chosen();
        if (!plan.isLocal()) {
          remote =
              remote(
                      link.peer(),
                      prompt.length,
                      plan.boundaryLayer(),
                      plan.chunks(),
                      plan.wireType(),
                      patient)
                  .predicted(Objects.requireNonNull(planned).forecast());
        }
      } else if (!(split instanceof Split.Auto) && split.boundaryLayer(layers) > 0) {
        int boundary = split.boundaryLayer(layers);
        remote =
            remote(
                awaitPeer(), prompt.length, boundary, config.chunks(), config.wireType(), patient);
      }
      if (planned != null && !planned.isMeasured()) {
        unplanned = link.trouble();
      }
    } catch (StreamException | ClusterException e) {
      unplanned = e.getMessage();
    } catch (RuntimeException | Error e) {
      if (planned != null) {
        planned.abandoned();
      }
      throw e;
    }
    PrefillPeer peer =
        remote != null && remote.target() instanceof PrefillPeer named ? named : null;
    String unused = peer == null ? null : AutoSplit.unused(peer, config.wireType());
    String reason = planned == null ? null : planned.reason();
    if (peer != null) {
      prefillName = peer.identity().name();
    }
    Generation.Plan plan =
        new Generation.Plan(
            modelName(),
            new Report.Route(
                prefillName, decodeName(), remote == null ? 0 : remote.boundaryLayer(), layers),
            compute.isExactWith(peer),
            maxTokens < request.maxTokens(),
            planned == null ? null : planned.decision(),
            unused == null || reason == null
                ? (reason == null ? unused : reason)
                : reason + "; " + unused,
            planned == null ? 0 : planned.waitedNs(),
            unplanned,
            peer == null ? null : peer.datagrams());
    long beganNs = startedNs + plan.measuringNs();
    Generation generation =
        new Generation(plan, text.tokenizer(), request, maxTokens, requests, beganNs);
    IntPredicate endOfGeneration = exactly ? token -> false : text.tokenizer()::isEndOfGeneration;
    DecodeRequest decode =
        new DecodeRequest(
            prompt,
            maxTokens,
            request.sampling(),
            endOfGeneration,
            stopOf(request),
            remote,
            chain,
            request.priority(),
            generation.listener());
    if (planned != null) {
      generation.tell(planned);
    }
    requests.begins();
    try {
      generation.start(queue.submit(decode));
    } catch (RuntimeException e) {
      requests.withdrawn();
      if (planned != null) {
        planned.abandoned();
      }
      throw e;
    }
    return generation;
  }

  /** The decode thread's own look at the text: the answer ends in the step that ends it. */
  private @Nullable IntPredicate stopOf(GenerateRequest request) {
    if (request.stop().isEmpty()) {
      return null;
    }
    AnswerText answer = new AnswerText(text.tokenizer(), request);
    return token -> {
      String _ = answer.append(token);
      return answer.isStopped();
    };
  }

  private static RemotePrefill remote(
      PrefillPeer peer,
      int promptTokens,
      int boundary,
      ChunkSchedule chunks,
      KvWireType wireType,
      boolean patient) {
    if (promptTokens > peer.longestPrompt()) {
      throw new ClusterException(AutoSplit.tooLong(promptTokens, peer));
    }
    KvWireType form = AutoSplit.unused(peer, wireType) == null ? wireType : KvWireType.F16;
    return new RemotePrefill(peer, boundary, chunks, form, patient);
  }

  /** The prefill node; what was asked for waits for the first connection, and for no later one. */
  private PrefillPeer awaitPeer() {
    link.connect(compute);
    link.awaitFirstAttempt(FIRST_CONNECTION);
    return link.peer();
  }

  /** How the model wants a conversation written, or why that cannot be done. */
  public ChatTemplate.Recognition chatTemplate() {
    return text.template();
  }

  /** The model's own name, or its file's. */
  public String modelName() {
    String fileName = String.valueOf(config.model().getFileName());
    String name = compute.model().file().metadata().string("general.name", fileName);
    return name.isBlank() ? fileName : name;
  }

  private String decodeName() {
    return "this process (" + compute.description() + ")";
  }

  /** Text to tokens and back, in this model's vocabulary. */
  public Tokenizer tokenizer() {
    return text.tokenizer();
  }

  /** What computes here: the model, its kernels and its KV cache. */
  public NodeCompute compute() {
    return compute;
  }

  /**
   * What requests did and how full the KV cache is, for monitoring: Prometheus' text format. Any
   * thread, and after {@link #close} too.
   */
  public String metricsText() {
    return PrometheusText.of(meters);
  }

  /** Requests that are decoded at once; more wait. */
  public int maxSessions() {
    return config.maxSessions();
  }

  /** What serves the requests. */
  DecodeQueue queue() {
    return queue;
  }

  /** Process id of the prefill node that this engine started, if it did. */
  public Optional<Long> prefillPid() {
    return Optional.ofNullable(link.childPid());
  }

  /**
   * Ends all requests, the prefill node if it was started here, and frees the model. Twice is fine.
   */
  @Override
  public void close() {
    AutoSplit planner;
    synchronized (autoLock) {
      closed = true;
      planner = auto;
    }
    link.endSoon();
    if (planner != null) {
      planner.stopMeasuring();
    }
    scheduler.close();
    forgetAborts.run();
    if (planner != null) {
      planner.close();
    }
    link.close();
    compute.close();
  }
}
