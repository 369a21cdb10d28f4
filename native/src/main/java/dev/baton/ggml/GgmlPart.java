package dev.baton.ggml;

import dev.baton.arch.LayerRange;

/**
 * What a backend holds of a model.
 *
 * @param layers whose weights and KV it has
 * @param output whether it has the final norm and the output matrix
 */
record GgmlPart(LayerRange layers, boolean output) {
  /** All of a model of so many layers. */
  static GgmlPart whole(int layers) {
    return new GgmlPart(LayerRange.all(layers), true);
  }

  /**
   * @throws IllegalArgumentException when it is no part of a model of so many layers
   */
  void requireOf(int all) {
    if (layers.count() == 0 || !LayerRange.all(all).contains(layers)) {
      throw new IllegalArgumentException("no layers " + layers + " in a model of " + all);
    }
  }

  /**
   * @throws IllegalArgumentException when some of these layers are elsewhere
   */
  void require(LayerRange wanted) {
    if (!layers.contains(wanted)) {
      throw new IllegalArgumentException(
          "layers " + wanted + " are not all here: this backend holds " + layers);
    }
  }

  /**
   * @throws IllegalArgumentException when the output matrix is elsewhere
   */
  void requireOutput() {
    if (!output) {
      throw new IllegalArgumentException(
          "the output matrix is not here: this backend holds layers " + layers + " alone");
    }
  }
}
