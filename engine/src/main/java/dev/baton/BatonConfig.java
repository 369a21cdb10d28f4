package dev.baton;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.HostPort;
import dev.baton.node.KvDemand;
import dev.baton.node.NodeCompute;
import dev.baton.node.NodeRole;
import dev.baton.plan.Objective;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How to open an engine. Made by {@link #builder}.
 *
 * @param model the GGUF file
 * @param chatTemplate the Jinja that conversations are written by; null for the model's own
 * @param role whether it answers requests of its own alone, or takes other nodes' orders as well
 * @param prefill HOST:PORT of a running prefill node; null to start one as a process of its own
 *     when a request wants it
 * @param listen HOST:PORT where prefill nodes send the KV to; null for a free port that they can
 *     reach
 * @param advertise HOST:PORT that prefill nodes are told instead, behind a relay or in a container;
 *     null for the listening one
 * @param clusterKey the secret that prefill nodes share with this one: then what is sent after the
 *     greetings is encrypted, and they may be on other machines; null to stay on this machine
 * @param split where requests are cut that do not say it themselves; unless set, wherever that is
 *     best with the named prefill node, and remotely with one that is started here, which shares
 *     this machine's cores
 * @param objective what automatic splits are to be best at: the first token or the whole answer,
 *     the latter also under a limit for the former
 * @param wireType the form in which KV travels; anything but F16 is lossy and so changes answers
 * @param device what computes here: {@code cpu} for Baton's kernels, else what {@code baton
 *     devices} lists
 * @param prefillDevice what computes at the prefill node that is started
 * @param threads compute threads; 0 for one per processor
 * @param chunks prompt tokens that go through the layers together, here and at the prefill node
 * @param maxStall longest gap between two tokens of an answer that other requests' prompts may
 *     cause; null for 50 ms, or two decode steps of all sessions where that is more
 * @param lease how long a silent prefill node is waited for
 * @param patient true to wait for the prefill node also when finishing here would be faster
 * @param timeline keep what arrives when, for {@link Generation#timeline}
 * @param maxSessions requests decoded at once; more wait
 * @param kvTokens size of the KV cache here, in tokens; 0 for several contexts, as far as memory
 *     goes. A request waits until there is room for its prompt and its longest answer
 * @param contextTokens the longest prompt and answer together that are served, here and at a
 *     prefill node that is started; 0 for the model's own context, or as much of it as memory has
 *     room for
 */
public record BatonConfig(
    Path model,
    @Nullable String chatTemplate,
    NodeRole role,
    @Nullable String prefill,
    @Nullable String listen,
    @Nullable String advertise,
    @Nullable ClusterKey clusterKey,
    Split split,
    Objective objective,
    KvWireType wireType,
    String device,
    String prefillDevice,
    int threads,
    ChunkSchedule chunks,
    @Nullable Duration maxStall,
    Duration lease,
    boolean patient,
    boolean timeline,
    int maxSessions,
    int kvTokens,
    int contextTokens) {
  /** Largest chunk that nodes take. */
  public static final int MAX_CHUNK_TOKENS = 1024;

  /** A shorter bound than this leaves time for no pass of any model. */
  public static final double MIN_STALL_MS = 1;

  /** Shorter leases end by accident. */
  public static final double MIN_LEASE_SECONDS = 0.1;

  public BatonConfig {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(split, "split");
    if (role == NodeRole.PREFILL) {
      throw new IllegalArgumentException(
          "an engine answers requests of its own; what takes orders alone is a prefill node");
    }
    if (prefill != null) {
      HostPort.target(prefill);
    }
    if (listen != null) {
      HostPort.listening(listen);
    }
    if (advertise != null) {
      HostPort.target(advertise);
    }
    if (objective instanceof Objective.Energy || objective instanceof Objective.Cost) {
      throw new IllegalArgumentException(
          "energy and money need the nodes' watts and prices, which only a cluster file tells; an"
              + " engine's objective is the first token or the whole answer");
    }
    if (threads < 0) {
      throw new IllegalArgumentException(
          "threads must be 0 (one per processor) or more, got " + threads);
    }
    if (chunks.largestTokens() > MAX_CHUNK_TOKENS) {
      throw new IllegalArgumentException(chunkMisfit(chunks.largestTokens()));
    }
    if (maxStall != null && maxStall.toNanos() < 1e6 * MIN_STALL_MS) {
      throw new IllegalArgumentException(
          "a stall of at least 1 ms has to be allowed, got " + maxStall.toNanos() / 1e6 + " ms");
    }
    if (lease.toMillis() < 1000 * MIN_LEASE_SECONDS) {
      throw new IllegalArgumentException("a lease lasts at least 100 ms, got " + lease.toMillis());
    }
    if (maxSessions < 1) {
      throw new IllegalArgumentException(
          "an engine decodes at least one session, got " + maxSessions);
    }
    KvDemand _ = new KvDemand(contextTokens, kvTokens, 1);
  }

  /** The KV that this process is to have room for, beside a prefill node that it may start. */
  KvDemand kvDemand() {
    boolean alone = prefill != null || split instanceof Split.Local;
    return new KvDemand(contextTokens, kvTokens, alone ? 1 : 2);
  }

  /** True where it takes other nodes' orders as well. */
  boolean takesOrders() {
    return role == NodeRole.BOTH;
  }

  private static String chunkMisfit(int chunkTokens) {
    return "a chunk has 1 to " + MAX_CHUNK_TOKENS + " tokens, got " + chunkTokens;
  }

  /** The bound for stalls; 0 for the default. */
  long maxStallNs() {
    return maxStall == null ? 0 : maxStall.toNanos();
  }

  /** A configuration with the defaults for {@code model}. */
  public static Builder builder(Path model) {
    return new Builder(model);
  }

  /** Collects what differs from the defaults. */
  public static final class Builder {
    private final Path model;
    private NodeRole role = NodeRole.DECODE;
    private @Nullable String prefill;
    private @Nullable String listen;
    private @Nullable String advertise;
    private @Nullable String chatTemplate;
    private @Nullable ClusterKey clusterKey;
    private @Nullable Split split;
    private Objective objective = new Objective.E2e();
    private KvWireType wireType = KvWireType.F16;
    private String device = NodeCompute.CPU;
    private @Nullable String prefillDevice;
    private int threads;
    private int chunkTokens = 128;
    private int lastChunkTokens = 32;
    private @Nullable Duration maxStall;
    private Duration lease = Duration.ofSeconds(8);
    private boolean patient;
    private boolean timeline;
    private int maxSessions = 16;
    private int kvTokens;
    private int contextTokens;

    private Builder(Path model) {
      this.model = model;
    }

    /** With {@link NodeRole#BOTH} it takes other nodes' orders where it listens. */
    public Builder role(NodeRole role) {
      this.role = role;
      return this;
    }

    /** Uses the prefill node at HOST:PORT instead of starting one. */
    public Builder prefill(@Nullable String hostPort) {
      this.prefill = hostPort;
      return this;
    }

    /** Takes the KV at HOST:PORT. */
    public Builder listen(@Nullable String hostPort) {
      this.listen = hostPort;
      return this;
    }

    /** Tells prefill nodes to send to HOST:PORT, which leads here. */
    public Builder advertise(@Nullable String hostPort) {
      this.advertise = hostPort;
      return this;
    }

    /** Uses prefill nodes that have this key, on other machines as well. */
    public Builder chatTemplate(@Nullable String jinja) {
      this.chatTemplate = jinja;
      return this;
    }

    public Builder clusterKey(@Nullable ClusterKey key) {
      this.clusterKey = key;
      return this;
    }

    /** Cuts there; null for the default. */
    public Builder split(@Nullable Split split) {
      this.split = split;
      return this;
    }

    /** What automatic splits are to be best at. */
    public Builder objective(Objective objective) {
      this.objective = objective;
      return this;
    }

    /** Lets KV travel in this form; Q8 takes half the bytes and may change the answer. */
    public Builder wireType(KvWireType type) {
      this.wireType = type;
      return this;
    }

    /** Computes here with this device, and so does a prefill node that is started. */
    public Builder device(String name) {
      this.device = name;
      return this;
    }

    /** Has a prefill node that is started compute with this device; null for the same as here. */
    public Builder prefillDevice(@Nullable String name) {
      this.prefillDevice = name;
      return this;
    }

    public Builder threads(int threads) {
      this.threads = threads;
      return this;
    }

    public Builder chunkTokens(int chunkTokens) {
      this.chunkTokens = chunkTokens;
      return this;
    }

    /**
     * Tokens down to which the last chunks of a prompt are halved; no more than a chunk's are
     * taken.
     */
    public Builder lastChunkTokens(int lastChunkTokens) {
      this.lastChunkTokens = lastChunkTokens;
      return this;
    }

    /**
     * Bounds the gaps between two tokens of an answer that other requests' prompts may cause; null
     * for the default.
     */
    public Builder maxStall(@Nullable Duration maxStall) {
      this.maxStall = maxStall;
      return this;
    }

    public Builder patient(boolean patient) {
      this.patient = patient;
      return this;
    }

    public Builder lease(Duration lease) {
      this.lease = lease;
      return this;
    }

    /** Keeps what arrives when, for timelines. */
    public Builder timeline(boolean wanted) {
      this.timeline = wanted;
      return this;
    }

    public Builder maxSessions(int maxSessions) {
      this.maxSessions = maxSessions;
      return this;
    }

    public Builder kvTokens(int kvTokens) {
      this.kvTokens = kvTokens;
      return this;
    }

    /** Serves prompts and answers of so many tokens together, at most the model's own context. */
    public Builder contextTokens(int contextTokens) {
      this.contextTokens = contextTokens;
      return this;
    }

    /**
     * @throws IllegalArgumentException naming the value that cannot be
     */
    public BatonConfig build() {
      if (chunkTokens < 1) {
        throw new IllegalArgumentException(chunkMisfit(chunkTokens));
      }
      if (lastChunkTokens < 1) {
        throw new IllegalArgumentException(
            "the last chunk has at least 1 token, got " + lastChunkTokens);
      }
      ChunkSchedule chunks = new ChunkSchedule(chunkTokens, Math.min(lastChunkTokens, chunkTokens));
      return new BatonConfig(
          model,
          chatTemplate,
          role,
          prefill,
          listen,
          advertise,
          clusterKey,
          split != null ? split : usualSplit(),
          objective,
          wireType,
          device,
          prefillDevice == null ? device : prefillDevice,
          threads,
          chunks,
          maxStall,
          lease,
          patient,
          timeline,
          maxSessions,
          kvTokens,
          contextTokens);
    }

    /** Where nothing is said, a node that others send orders to starts none of its own. */
    private Split usualSplit() {
      if (prefill != null) {
        return new Split.Auto();
      }
      return role == NodeRole.BOTH ? new Split.Local() : new Split.Remote();
    }
  }
}
