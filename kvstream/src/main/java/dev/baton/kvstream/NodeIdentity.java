package dev.baton.kvstream;

import dev.baton.arch.StateTable;
import dev.baton.gguf.GgufIdentity;
import java.util.List;
import java.util.Set;

/**
 * What a node says of itself in the handshake. Two nodes may share a request only if model, states
 * and numerics agree.
 *
 * @param name for reports, at most 128 characters: {@code "prefill@127.0.0.1:7001 avx512"}
 * @param modelHash the root of the model's {@link GgufIdentity}
 * @param states what each layer leaves behind, and what goes from one to the next
 * @param contextTokens longest sequence the node takes
 * @param numericsVersion the numeric contract it follows
 * @param backend what computes, for reports
 * @param fidelity what it promises about its numbers
 * @param limits what it takes of orders
 * @param capabilities what it can do beside what every node can
 * @param parts of what its own model consists; none of a peer's
 */
public record NodeIdentity(
    String name,
    String modelHash,
    StateTable states,
    int contextTokens,
    int numericsVersion,
    String backend,
    Fidelity fidelity,
    NodeLimits limits,
    Set<Capability> capabilities,
    List<GgufIdentity.Part> parts) {
  public NodeIdentity {
    capabilities = Set.copyOf(capabilities);
    parts = List.copyOf(parts);
    if (contextTokens < 1) {
      throw new IllegalArgumentException("a node needs a context, got " + contextTokens);
    }
  }

  /** One that says nothing of what its model consists of. */
  public NodeIdentity(
      String name,
      String modelHash,
      StateTable states,
      int contextTokens,
      int numericsVersion,
      String backend,
      Fidelity fidelity,
      NodeLimits limits,
      Set<Capability> capabilities) {
    this(
        name,
        modelHash,
        states,
        contextTokens,
        numericsVersion,
        backend,
        fidelity,
        limits,
        capabilities,
        List.of());
  }
}
