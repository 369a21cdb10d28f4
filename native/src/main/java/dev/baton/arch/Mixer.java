package dev.baton.arch;

/** The part of a block in which tokens see those before them. */
public sealed interface Mixer permits Attention {
  /** Values of a token's row behind it, before the output matrix. */
  int width();
}
