package dev.baton;

import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.CalibrationException;
import dev.baton.calibrate.PairProfile;
import dev.baton.catalog.CacheFolder;
import dev.baton.cluster.ChildNode;
import dev.baton.cluster.ClusterException;
import dev.baton.cluster.KvDemand;
import dev.baton.cluster.NodeCompute;
import dev.baton.cluster.PrefillLink;
import dev.baton.decode.DecodeLoop;
import dev.baton.decode.DecodeRequest;
import dev.baton.decode.RemotePrefill;
import dev.baton.decode.SamplingParams;
import dev.baton.ggml.GgmlAbort;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillPeer;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SplitPlan;
import dev.baton.text.ChatTemplate;
import dev.baton.text.Tokenizer;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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

  private final BatonConfig config;
  private final NodeCompute compute;
  private final PrefillLink link;
  private final DecodeLoop loop;
  private final Runnable forgetAborts;
  private final Tokenizer tokenizer;
  private final ChatTemplate.Recognition template;
  private @Nullable AutoSplit auto; // guarded by this

  private Baton(BatonConfig config, NodeCompute compute, Tokenizer tokenizer, PrefillLink link) {
    this.config = config;
    this.compute = compute;
    this.link = link;
    this.tokenizer = tokenizer;
    this.template = ChatTemplate.recognise(compute.model().file().metadata());
    if (!(config.split() instanceof Split.Auto)) {
      config.split().boundaryLayer(compute.model().config().layers());
    }
    config.wireType().tokenBytes(compute.model().kvGeometry());
    if (wantsRemote(config.split())) {
      link.peer(compute);
    }
    this.loop =
        new DecodeLoop(
            compute.model(),
            compute.cache(),
            config.maxSessions(),
            config.chunks().largestTokens(),
            System::nanoTime);
    this.forgetAborts = GgmlAbort.onAbort(loop::abandon);
  }

  /** What the planner plans with; measured when it is first asked for, unless it was before. */
  private synchronized AutoSplit auto(DoubleConsumer progress) {
    AutoSplit known = auto;
    if (known == null) {
      Path home = CacheFolder.of(System.getenv());
      try {
        known = AutoSplit.of(pair(), home, progress);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new BatonException("interrupted while the nodes were measured");
      } catch (UncheckedIOException e) {
        throw new BatonException(String.valueOf(e.getMessage()));
      }
      auto = known;
    }
    return known;
  }

  /** A node that is lost meanwhile costs no answer: requests are answered here, and say why. */
  private void measureUnlessKnown(DoubleConsumer progress) {
    try {
      auto(progress);
    } catch (CalibrationException _) {
      // The first request meets the same trouble, and tells of it.
    }
  }

  private AutoSplit.Pair pair() {
    return new AutoSplit.Pair(config, compute, modelName(), link.peer(compute), loop);
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
    return AutoSplit.measure(pair(), CacheFolder.of(System.getenv()), effort, progress);
  }

  /** Measures this node alone; the figures can stand in a cluster file. Nothing is kept. */
  public SpeedProfile calibrateAlone(Calibration.Effort effort, DoubleConsumer progress)
      throws InterruptedException {
    return AutoSplit.calibration(
            compute,
            config.chunks().largestTokens(),
            AutoSplit.trial(compute, loop),
            effort,
            progress)
        .here();
  }

  /** What to know of the measurements that {@link Split.Auto} plans with, one line for people. */
  public synchronized Optional<String> planNotice() {
    return auto != null && auto.isCoarse()
        ? Optional.of(
            "both nodes were measured in a few seconds only; 'baton calibrate' measures them well")
        : Optional.empty();
  }

  /** What could not be read or kept of what {@link Split.Auto} learns, a line each for people. */
  public synchronized List<String> diskNotices() {
    return auto == null ? List.of() : auto.notices();
  }

  /** {@link #open(BatonConfig, DoubleConsumer)} without progress. */
  public static Baton open(BatonConfig config) {
    return open(config, done -> {});
  }

  /**
   * Loads the model and, unless the split is local, starts or connects to the prefill node.
   *
   * @param progress told the share of the model loaded, 0..1, on the calling thread
   * @throws dev.baton.gguf.GgufException when the file is no sound GGUF
   * @throws dev.baton.model.ModelException when it holds a model that this version does not run
   * @throws IllegalArgumentException when the configuration does not fit the model
   * @throws StreamException when the prefill node cannot be reached or will not work with this one
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
        link.warmUp();
      }
      CompletableFuture<Tokenizer> tokenizer = readTokenizer(config.model());
      compute =
          NodeCompute.open(
              config.model(),
              config.device(),
              kernels(config.threads()),
              config.kvDemand(),
              progress);
      Baton baton = new Baton(config, compute, whatWasRead(tokenizer), link);
      opened = baton;
      if (config.split() instanceof Split.Auto) {
        baton.measureUnlessKnown(progress);
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

  /** Beside the loading of the model, which takes about as long. */
  private static CompletableFuture<Tokenizer> readTokenizer(Path model) {
    return CompletableFuture.supplyAsync(
        () -> Tokenizer.of(model),
        reading -> Thread.ofPlatform().daemon().name("baton-tokenizer").start(reading));
  }

  private static Tokenizer whatWasRead(CompletableFuture<Tokenizer> tokenizer) {
    try {
      return tokenizer.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException refused) {
        throw refused;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
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
   * @throws BatonException when the prompt is empty or longer than the context, or the model's chat
   *     template cannot be written ({@link #chatTemplate})
   * @throws IllegalArgumentException when the request's split does not fit the model
   * @throws IllegalStateException when the engine is closed
   */
  public Generation generate(GenerateRequest request) {
    long startedNs = System.nanoTime();
    return start(promptTokens(request), request, false, startedNs);
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
    int vocabulary = compute.model().config().vocab();
    for (int token : prompt) {
      if (token < 0 || token >= vocabulary) {
        throw new IllegalArgumentException(
            "a token is from 0 to " + (vocabulary - 1) + ", not " + token);
      }
    }
    GenerateRequest request =
        new GenerateRequest(
            "", null, true, outputTokens, SamplingParams.greedy(), List.of(), split, null);
    return start(prompt.clone(), request, true, startedNs);
  }

  /** The context that is served, and whose choice that is. */
  private String contextName() {
    int own = compute.model().config().contextLength();
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
      throw new BatonException(
          "the prompt has "
              + prompt.length
              + " tokens, but "
              + (context == compute.model().config().contextLength()
                  ? "the model's context is " + context
                  : "what is served is " + contextName())
              + ": shorten the prompt");
    }
    int maxTokens = Math.min(request.maxTokens(), context - prompt.length);
    int layers = compute.model().config().layers();
    Split split = request.split() == null ? config.split() : request.split();
    boolean patient = config.patient() || (exactly && !(split instanceof Split.Auto));
    RemotePrefill remote = null;
    String prefillName = decodeName();
    String unplanned = null;
    AutoSplit.Planned planned = null;
    try {
      if (split instanceof Split.Auto || config.split() instanceof Split.Auto) {
        planned =
            auto(done -> {})
                .plan(
                    new AutoSplit.Ask(prompt.length, maxTokens, exactly, request.caller(), split));
        SplitPlan plan = planned.decision().chosen();
        if (!plan.isLocal()) {
          remote =
              remote(prompt.length, plan.boundaryLayer(), plan.chunks(), plan.wireType(), patient);
        }
      } else if (split.boundaryLayer(layers) > 0) {
        remote =
            remote(
                prompt.length,
                split.boundaryLayer(layers),
                config.chunks(),
                config.wireType(),
                patient);
      }
    } catch (StreamException | ClusterException | CalibrationException e) {
      unplanned = e.getMessage();
    }
    PrefillPeer peer =
        remote != null && remote.target() instanceof PrefillPeer named ? named : null;
    if (peer != null) {
      prefillName = peer.identity().name();
    }
    Generation.Plan plan =
        new Generation.Plan(
            modelName(),
            prefillName,
            decodeName(),
            remote == null ? 0 : remote.boundaryLayer(),
            layers,
            compute.isExactWith(peer),
            planned == null ? null : planned.decision(),
            unplanned);
    Generation generation = new Generation(plan, tokenizer, request.stop(), maxTokens, startedNs);
    IntPredicate endOfGeneration = exactly ? token -> false : tokenizer::isEndOfGeneration;
    DecodeRequest decode =
        new DecodeRequest(
            prompt, maxTokens, request.sampling(), endOfGeneration, remote, generation.listener());
    if (planned != null) {
      generation.tell(planned);
    }
    try {
      generation.start(loop.submit(decode));
    } catch (RuntimeException e) {
      if (planned != null) {
        planned.abandoned();
      }
      throw e;
    }
    return generation;
  }

  private RemotePrefill remote(
      int promptTokens, int boundary, ChunkSchedule chunks, KvWireType wireType, boolean patient) {
    PrefillPeer peer = link.peer(compute);
    if (promptTokens > peer.longestPrompt()) {
      throw new ClusterException(AutoSplit.tooLong(promptTokens, peer));
    }
    return new RemotePrefill(peer, boundary, chunks, wireType, patient);
  }

  private int[] promptTokens(GenerateRequest request) {
    if (request.prompt().isEmpty()) {
      throw new BatonException("the prompt is empty: give some text to go on from");
    }
    if (!request.raw()) {
      template
          .refusal(request.system())
          .ifPresent(why -> {
            throw new BatonException(config.model() + ": " + why);
          });
    }
    Optional<ChatTemplate> chat = request.raw() ? Optional.empty() : template.template();
    int[] tokens =
        chat.map(form -> form.encode(tokenizer, request.system(), request.prompt()))
            .orElseGet(() -> tokenizer.encode(request.prompt(), true, false));
    if (tokens.length == 0) {
      throw new BatonException(
          "the prompt has no tokens in this model's vocabulary: give some other text");
    }
    return tokens;
  }

  /** How the model wants a conversation written, or why that cannot be done. */
  public ChatTemplate.Recognition chatTemplate() {
    return template;
  }

  /** The model's own name, or its file's. */
  public String modelName() {
    String fileName = String.valueOf(config.model().getFileName());
    return compute.model().file().metadata().string("general.name", fileName);
  }

  private String decodeName() {
    return "this process (" + compute.description() + ")";
  }

  /** Text to tokens and back, in this model's vocabulary. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** What computes here: the model, its kernels and its KV cache. */
  public NodeCompute compute() {
    return compute;
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
    synchronized (this) {
      if (auto != null) {
        auto.stopMeasuring();
      }
    }
    loop.close();
    forgetAborts.run();
    synchronized (this) {
      if (auto != null) {
        auto.close();
      }
    }
    link.close();
    compute.close();
  }
}
