package dev.baton.bench.stream;

import dev.baton.kernel.KvGeometry;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What is moved: the KV of one prompt of some model.
 *
 * @param name for the reader
 * @param geometry layers, KV heads, head dimension
 * @param tokens of the prompt
 */
record Shape(String name, KvGeometry geometry, int tokens) {
  /** Llama 3 8B: 4,096 bytes per token and layer, 512 MiB in all. */
  static final Shape LLAMA_8B = new Shape("llama-8b", new KvGeometry(32, 8, 128), 4096);

  /** SmolLM2 135M: 768 bytes per token and layer, 180 MiB in all. */
  static final Shape SMOLLM2 = new Shape("smollm2", new KvGeometry(30, 3, 64), 8192);

  /** Llama 3.2 1B: 2,048 bytes per token and layer, 64 MiB in all. */
  static final Shape LLAMA_1B = new Shape("llama-1b", new KvGeometry(16, 8, 64), 2048);

  /** For a look at the command itself: 6 MiB. */
  static final Shape TINY = new Shape("tiny", new KvGeometry(4, 2, 32), 6000);

  private static final List<Shape> ALL = List.of(LLAMA_8B, SMOLLM2, LLAMA_1B, TINY);

  /**
   * The shape of that name.
   *
   * @throws IllegalArgumentException naming those there are
   */
  static Shape named(String name) {
    return ALL.stream()
        .filter(shape -> shape.name.equals(name.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "no shape is called '"
                    + name
                    + "': use one of "
                    + ALL.stream().map(Shape::name).collect(Collectors.joining(", "))));
  }

  static List<Shape> named(String[] names) {
    return Arrays.stream(names).map(Shape::named).toList();
  }

  /** The same with another prompt length. */
  Shape withTokens(int count) {
    return new Shape(name, geometry, count);
  }

  /** KV bytes in all. */
  long bytes() {
    return (long) tokens * geometry.layers() * geometry.tokenBytes();
  }
}
