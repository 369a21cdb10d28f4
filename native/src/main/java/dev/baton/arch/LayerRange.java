package dev.baton.arch;

/**
 * Layers [from, to) of a model: what a backend holds of it, or what it computes for a request.
 *
 * @param from the first
 * @param to the one behind the last; from where the range is empty
 */
public record LayerRange(int from, int to) {
  public LayerRange {
    if (from < 0 || from > to) {
      throw new IllegalArgumentException("no range of layers: [" + from + ", " + to + ")");
    }
  }

  /** All layers of a model of so many. */
  public static LayerRange all(int layers) {
    return new LayerRange(0, layers);
  }

  /** Layers in it. */
  public int count() {
    return to - from;
  }

  /** True when the layer of that number is in it. */
  public boolean contains(int layer) {
    return layer >= from && layer < to;
  }

  /** True when all layers of {@code other} are in it. */
  public boolean contains(LayerRange other) {
    return other.count() == 0 || (other.from >= from && other.to <= to);
  }

  @Override
  public String toString() {
    return "[" + from + ", " + to + ")";
  }
}
