package dev.baton.kvstream;

import dev.baton.kernel.KvWireType;
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
  public @Nullable Capability lacking(Set<Capability> capabilities) {
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
  public int firstRow() {
    return switch (stage.rows()) {
      case NONE -> tokens().length;
      case LAST -> tokens().length - 1;
      case ALL -> firstToken();
    };
  }
}
