package dev.baton.kvstream;

import dev.baton.kernel.KvGeometry;
import java.util.Set;

/**
 * What a node says of itself in the handshake. Two nodes may share a request only if model,
 * geometry, hidden width and numerics agree.
 *
 * @param name for reports, at most 128 characters: {@code "prefill@127.0.0.1:7001 avx512"}
 * @param modelHash the model file's fingerprint, hexadecimal
 * @param geometry layers, KV heads and head dimension of the KV
 * @param hiddenDim floats in a hidden row
 * @param contextTokens longest sequence the node takes
 * @param numericsVersion the numeric contract it follows
 * @param backend what computes, for reports
 * @param fidelity what it promises about its numbers
 * @param limits what it takes of orders
 * @param capabilities what it can do beside what every node can
 */
public record NodeIdentity(
    String name,
    String modelHash,
    KvGeometry geometry,
    int hiddenDim,
    int contextTokens,
    int numericsVersion,
    String backend,
    Fidelity fidelity,
    NodeLimits limits,
    Set<Capability> capabilities) {
  public NodeIdentity {
    capabilities = Set.copyOf(capabilities);
    if (hiddenDim < 1 || contextTokens < 1) {
      throw new IllegalArgumentException(
          "a node needs a hidden width and a context, got " + hiddenDim + " and " + contextTokens);
    }
  }
}
