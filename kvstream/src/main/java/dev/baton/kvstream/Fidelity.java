package dev.baton.kvstream;

/** What a node promises about its numbers. */
public enum Fidelity {
  /** Obeys Baton's numeric contract: the same bits as every other exact node. */
  EXACT,
  /** An accelerator backend: equal within a tolerance. */
  TOLERANT
}
