package dev.baton.arch;

/** What steps read and write: for each row of a batch as many floats as its place asks for. */
public enum Value {
  /** The residual stream; the only one that lives from layer to layer. */
  HIDDEN,
  ATTENTION_IN,
  Q,
  K,
  V,
  ATTENDED,
  FFN_IN,
  GATE,
  UP,
  ACTIVATED,
  OUTPUT_IN,
  LOGITS
}
