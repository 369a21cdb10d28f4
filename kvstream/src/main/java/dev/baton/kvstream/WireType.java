package dev.baton.kvstream;

/** The element type of KV on the wire. */
public enum WireType {
  /** IEEE half precision, what the caches hold: lossless. */
  F16
}
