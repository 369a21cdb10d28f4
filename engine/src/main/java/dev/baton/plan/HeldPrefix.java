package dev.baton.plan;

import java.util.Comparator;
import java.util.List;

/**
 * What a prefill node holds of a request's prompt: the state of its first tokens, of ever fewer the
 * more layers are asked for.
 *
 * @param parts by layers, fewest first; each of fewer tokens than the one before
 */
public record HeldPrefix(List<Part> parts) {
  /** Nothing. */
  public static final HeldPrefix NONE = new HeldPrefix(List.of());

  /**
   * The first {@code tokens} tokens, in layers [0, layers).
   *
   * @param layers at least 1
   */
  public record Part(int layers, int tokens) {
    public Part {
      if (layers < 1 || tokens < 0) {
        throw new IllegalArgumentException(tokens + " tokens in layers [0, " + layers + ")");
      }
    }
  }

  public HeldPrefix {
    parts = parts.stream().sorted(Comparator.comparingInt(Part::layers)).toList();
    for (int i = 1; i < parts.size(); i++) {
      if (parts.get(i).tokens >= parts.get(i - 1).tokens) {
        throw new IllegalArgumentException("what is held in more layers is shorter, got " + parts);
      }
    }
  }

  /** So many tokens in all layers of a model of so many. */
  public static HeldPrefix whole(int layers, int tokens) {
    return tokens == 0 ? NONE : new HeldPrefix(List.of(new Part(layers, tokens)));
  }

  /** Tokens in layers [0, layers). */
  public int tokens(int layers) {
    for (Part part : parts) {
      if (part.layers >= layers) {
        return part.tokens;
      }
    }
    return 0;
  }

  /** Tokens in the first layer, in which there are the most. */
  public int mostTokens() {
    return tokens(1);
  }
}
