package dev.baton.arch.family;

import dev.baton.arch.ModelException;
import dev.baton.arch.ModelShape;

/** Models that GGUF calls by one {@code general.architecture}. Stateless; any thread. */
interface Family {
  /** As GGUF calls it. */
  String architecture();

  /**
   * Refuses variants that are not run, by the metadata alone.
   *
   * @throws ModelException saying what they are
   */
  void requireRun(Keys keys);

  /**
   * What a model computes.
   *
   * @throws ModelException if it is not run by this version
   * @throws dev.baton.gguf.GgufException if a key is missing or of the wrong type
   * @throws IllegalArgumentException if a number is out of its range
   */
  ModelShape shape(Keys keys);
}
