package dev.baton.kvstream;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.arch.LayerState;
import dev.baton.arch.StateTable;
import dev.baton.gguf.GgufIdentity.Kind;
import dev.baton.gguf.GgufIdentity.Part;
import dev.baton.kernel.KvGeometry;
import dev.baton.kernel.KvWireType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** What the stream's tests share: small models, prompts, waiting. */
public final class Nodes {
  public static final KvGeometry SMALL = new KvGeometry(5, 3, 16);

  /** A shape with every kind of state, unlike sizes, and boundaries of unlike widths. */
  public static final StateTable ALL_KINDS =
      new StateTable(
          List.of(
              List.of(
                  new LayerState.Rows(
                      List.of(new LayerState.Part(48, 34), new LayerState.Part(40, 40)))),
              List.of(
                  new LayerState.Window(
                      16, List.of(LayerState.Part.of(64), LayerState.Part.of(64)))),
              List.of(
                  new LayerState.Latent(new LayerState.Part(72, 72)),
                  new LayerState.Rows(List.of(LayerState.Part.of(24)))),
              List.of(
                  new LayerState.Compressed(4, List.of(LayerState.Part.of(32))),
                  new LayerState.Window(8, List.of(LayerState.Part.of(56))),
                  new LayerState.Fixed(300)),
              List.of(new LayerState.SharedWith(0)),
              List.of(new LayerState.Fixed(5000), new LayerState.Fixed(2048))),
          List.of(64, 64, 68, 64, 256, 70, 64));

  private Nodes() {}

  public static NodeIdentity node(KvGeometry geometry, int hiddenDim, int context) {
    return node(geometry.states(hiddenDim), context);
  }

  public static NodeIdentity node(StateTable states, int context) {
    return new NodeIdentity(
        "test node",
        "0123456789abcdef",
        states,
        context,
        1,
        "java",
        Fidelity.EXACT,
        NodeLimits.UNLIMITED,
        EnumSet.allOf(Capability.class));
  }

  public static NodeIdentity node() {
    return node(SMALL, 24, 4096);
  }

  /** The usual one with a model of these parts. */
  public static NodeIdentity node(List<Part> parts) {
    String root = Integer.toHexString(parts.hashCode()).repeat(8);
    NodeIdentity usual = node();
    return new NodeIdentity(
        usual.name(),
        root,
        usual.states(),
        usual.contextTokens(),
        usual.numericsVersion(),
        usual.backend(),
        usual.fidelity(),
        usual.limits(),
        usual.capabilities(),
        parts);
  }

  /** A part of a model whose bytes are made of {@code seed}. */
  public static Part part(Kind kind, String name, int seed) {
    return new Part(kind, name, String.format(Locale.ROOT, "%08x", seed).repeat(8));
  }

  public static int[] prompt(int tokens) {
    SplittableRandom random = new SplittableRandom(tokens);
    return random.ints(tokens, 0, 32_000).toArray();
  }

  public static PrefillOrder order(long session, int tokens, int first, int boundary, int chunk) {
    return order(session, tokens, first, Stage.below(boundary, SMALL.layers()), chunk);
  }

  public static PrefillOrder order(long session, int tokens, int first, Stage stage, int chunk) {
    Prompt prompt = new Prompt(prompt(tokens), first);
    return new PrefillOrder(session, prompt, stage, ChunkSchedule.equal(chunk), KvWireType.F16);
  }

  public static boolean await(BooleanSupplier condition, long limitMs) {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(limitMs);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        return false;
      }
      try {
        Thread.sleep(1);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return true;
  }

  public static void awaitWhole(KvReceiver receiver) {
    assertTrue(
        await(
            () ->
                receiver.state() == KvReceiver.State.WHOLE
                    || receiver.state() == KvReceiver.State.FAILED,
            20_000),
        () -> "still " + receiver.state() + ", covered " + receiver.coveredTokens());
    assertTrue(receiver.state() == KvReceiver.State.WHOLE, () -> "failed: " + receiver.failure());
  }

  public static List<Path> folders(Path parent) throws IOException {
    try (Stream<Path> children = Files.list(parent)) {
      return children.filter(child -> child.getFileName().toString().startsWith("baton-")).toList();
    }
  }
}
