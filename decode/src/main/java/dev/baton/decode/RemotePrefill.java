package dev.baton.decode;

import dev.baton.kernel.KvWireType;
import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.KvReceiver;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillTarget;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * The remote part of a plan: which node prefills, up to which layer, in what chunks.
 *
 * @param target the prefill node
 * @param firstToken the state of the tokens before it stands here already, in all layers
 * @param boundaryLayer it computes layers [0, boundaryLayer), 1..layers
 * @param chunks how the prompt is cut, there and here; no chunk is larger than the target takes
 * @param wireType the form of the KV on its way
 * @param patient true to wait for the node also when finishing here would be faster
 * @param reuse whether the node goes on from what it has of the prompt; else all is computed anew
 * @param forecast when its KV is predicted to be here, or null
 */
public record RemotePrefill(
    PrefillTarget target,
    int firstToken,
    int boundaryLayer,
    ChunkSchedule chunks,
    KvWireType wireType,
    boolean patient,
    boolean reuse,
    @Nullable PrefillForecast forecast) {
  private static final int SALT_BYTES = 16;

  public RemotePrefill {
    Objects.requireNonNull(target, "target");
    Objects.requireNonNull(chunks, "chunks");
    Objects.requireNonNull(wireType, "wireType");
    chunks = chunks.within(target.limits().chunkTokens());
  }

  /** The same for a whole prompt, of which nothing is here, to be computed anew; unpredicted. */
  public RemotePrefill(
      PrefillTarget target,
      int boundaryLayer,
      ChunkSchedule chunks,
      KvWireType wireType,
      boolean patient) {
    this(target, 0, boundaryLayer, chunks, wireType, patient, false, null);
  }

  /** The same for a session that goes on from so many tokens, whose state stands here already. */
  RemotePrefill reusing(int tokens) {
    return new RemotePrefill(
        target, tokens, boundaryLayer, chunks, wireType, patient, true, forecast);
  }

  /** The same, of which that was predicted. */
  public RemotePrefill predicted(@Nullable PrefillForecast of) {
    return new RemotePrefill(
        target, firstToken, boundaryLayer, chunks, wireType, patient, reuse, of);
  }

  /**
   * Sends the order; slices then arrive in {@code sink}.
   *
   * @param layers of the model
   */
  KvReceiver order(int[] prompt, int layers, KvSink sink) {
    long sessionId = ThreadLocalRandom.current().nextLong();
    Stage stage = Stage.below(boundaryLayer, layers);
    return target.order(new PrefillOrder(sessionId, prompt(prompt), stage, chunks, wireType), sink);
  }

  /** Under a salt that nobody else has, nothing is found of it. */
  private Prompt prompt(int[] tokens) {
    byte[] salt = new byte[reuse ? 0 : SALT_BYTES];
    ThreadLocalRandom.current().nextBytes(salt);
    return new Prompt(tokens, firstToken, List.of(), new int[0], salt, "");
  }
}
