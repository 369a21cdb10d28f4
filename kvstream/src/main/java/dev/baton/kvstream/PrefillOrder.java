package dev.baton.kvstream;

import dev.baton.kernel.KvWireType;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a node asks of another: compute a stage of a prompt and stream what is wanted of it.
 *
 * @param sessionId unique at the node that asks, random
 * @param chunks how the prompt is cut into runs of tokens that go through the layers together
 * @param wireType element type of those states that have a lossy form
 */
public record PrefillOrder(
    long sessionId,
    Prompt prompt,
    Stage stage,
    ChunkSchedule chunks,
    KvWireType wireType,
    Urgency urgency) {
  public PrefillOrder {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(stage, "stage");
    Objects.requireNonNull(chunks, "chunks");
    Objects.requireNonNull(wireType, "wireType");
    Objects.requireNonNull(urgency, "urgency");
  }

  /** Of a plain prompt, as soon as it can be. */
  public PrefillOrder(
      long sessionId, Prompt prompt, Stage stage, ChunkSchedule chunks, KvWireType wireType) {
    this(sessionId, prompt, stage, chunks, wireType, Urgency.USUAL);
  }

  /** The whole prompt, from position 0. */
  public int[] tokens() {
    return prompt.tokens();
  }

  /** Tokens before it are there already and do not travel. */
  public int firstToken() {
    return prompt.firstToken();
  }

  /** Of what the order needs, the first that is not among these, or null. */
  @Nullable Capability lacking(Set<Capability> capabilities) {
    boolean between =
        stage.fromLayer() > 0 || stage.input() instanceof Stage.RowsOf || stage.rowsTicket() != 0;
    boolean given = !prompt.given().isEmpty() || prompt.positions().length > 0;
    if (between && !capabilities.contains(Capability.STAGES)) {
      return Capability.STAGES;
    }
    if (given && !capabilities.contains(Capability.GIVEN_ROWS)) {
      return Capability.GIVEN_ROWS;
    }
    if (!prompt.adapter().isEmpty() && !capabilities.contains(Capability.ADAPTERS)) {
      return Capability.ADAPTERS;
    }
    return wireType != KvWireType.F16 && !capabilities.contains(Capability.LOSSY_ROWS)
        ? Capability.LOSSY_ROWS
        : null;
  }

  /** The first token whose boundary row travels; the end where none does. */
  int firstRow() {
    return switch (stage.rows()) {
      case NONE -> tokens().length;
      case LAST -> tokens().length - 1;
      case ALL -> firstToken();
    };
  }

  /**
   * A number that any single change of the order changes: nothing else on the wire would tell that
   * another prompt was prefilled than the one that was meant. FNV-1a over whole numbers.
   */
  long digest() {
    long hash = 0xcbf29ce484222325L;
    hash = mix(hash, sessionId);
    hash = mix(hash, firstToken());
    hash = mix(hash, stage.fromLayer());
    hash = mix(hash, stage.toLayer());
    hash = mix(hash, stage.state() ? 1 : 0);
    hash = mix(hash, WireCodes.of(stage.rows()));
    hash = mix(hash, stage.rowsTicket());
    if (stage.input() instanceof Stage.RowsOf(String node, long ticket)) {
      hash = mix(mix(hash, ticket), node);
    }
    hash = mix(hash, chunks.largestTokens());
    hash = mix(hash, chunks.smallestTokens());
    hash = mix(hash, WireCodes.of(wireType));
    hash = mix(hash, WireCodes.of(urgency.priority()));
    hash = mix(hash, urgency.deadlineMs());
    for (Prompt.Given run : prompt.given()) {
      hash = mix(mix(mix(hash, run.firstToken()), run.tokens()), run.hash());
    }
    hash = mix(hash, prompt.adapter());
    hash = mix(hash, prompt.salt());
    for (int position : prompt.positions()) {
      hash = mix(hash, position);
    }
    for (int token : tokens()) {
      hash = mix(hash, token);
    }
    return hash;
  }

  private static long mix(long hash, long number) {
    long mixed = (hash ^ number) * 0x100000001b3L;
    return mixed ^ (mixed >>> 32);
  }

  private static long mix(long hash, byte[] bytes) {
    long mixed = mix(hash, bytes.length);
    for (byte one : bytes) {
      mixed = mix(mixed, one);
    }
    return mixed;
  }

  private static long mix(long hash, String text) {
    return mix(hash, text.getBytes(StandardCharsets.UTF_8));
  }
}
