package dev.baton;

/**
 * Where a request is cut. The prefill node computes layers [0, b) of the prompt, this process [b,
 * L): local is b = 0, remote is b = L.
 */
public sealed interface Split {
  /** All here. */
  record Local() implements Split {}

  /** The whole prefill at the prefill node, all decoding here. */
  record Remote() implements Split {}

  /** Wherever the planner finds it best for each request, by measured speeds. */
  record Auto() implements Split {}

  /** Layers [0, boundaryLayer) at the prefill node. */
  record At(int boundaryLayer) implements Split {
    public At {
      if (boundaryLayer < 0) {
        throw new IllegalArgumentException("a boundary layer counts from 0, got " + boundaryLayer);
      }
    }
  }

  /**
   * Reads {@code auto}, {@code local}, {@code remote} or a layer number.
   *
   * @throws IllegalArgumentException for anything else
   */
  static Split parse(String text) {
    return switch (text) {
      case "auto" -> new Auto();
      case "local" -> new Local();
      case "remote" -> new Remote();
      default -> {
        try {
          yield new At(Integer.parseInt(text));
        } catch (NumberFormatException e) {
          throw new IllegalArgumentException(
              "'" + text + "' is no split: use auto, local, remote, or a layer number from 0 on",
              e);
        }
      }
    };
  }

  /**
   * The boundary layer for a model of {@code layers}.
   *
   * @throws IllegalArgumentException when it is past the last one
   * @throws IllegalStateException when that is decided for each request
   */
  default int boundaryLayer(int layers) {
    return switch (this) {
      case Auto() -> throw new IllegalStateException("an automatic split has no fixed layer");
      case Local() -> 0;
      case Remote() -> layers;
      case At(int layer) -> {
        if (layer > layers) {
          throw new IllegalArgumentException(
              "layer "
                  + layer
                  + " is past the model's last: choose a split from 0 (local) to "
                  + layers
                  + " (remote)");
        }
        yield layer;
      }
    };
  }
}
