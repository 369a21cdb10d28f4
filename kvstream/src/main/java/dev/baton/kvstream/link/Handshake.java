package dev.baton.kvstream.link;

import dev.baton.arch.LayerState;
import dev.baton.arch.StateTable;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.NodeLimits;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.codec.HelloDecoder;
import dev.baton.kvstream.codec.HelloOutcome;
import dev.baton.kvstream.codec.HelloReplyDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.NodeShapeDecoder;
import dev.baton.kvstream.media.Endpoint;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.MalformedMessage;
import dev.baton.kvstream.message.WireCodes;
import dev.baton.kvstream.seal.LinkSecrets;
import java.util.Arrays;
import java.util.List;
import org.agrona.DirectBuffer;
import org.jspecify.annotations.Nullable;

/** What two nodes say to each other first, and whether they can work together. */
final class Handshake {
  static final int PROTOCOL_VERSION = MessageHeaderDecoder.SCHEMA_VERSION;

  /** The least block of a Hello and of a HelloReply in any version: those of version 2. */
  private static final int LEAST_HELLO_BLOCK = 89;

  private static final int LEAST_REPLY_BLOCK = 118;
  private static final StateTable UNKNOWN = StateTable.alike(1, List.<LayerState>of(), 1);
  private static final int HELLO_TEXTS = 5;
  private static final int REPLY_TEXTS = 4;
  private static final String WHERE_THE_KEY_IS =
      "start both with the same " + ClusterKey.FILE_VARIABLE;

  private Handshake() {}

  /** Why two nodes cannot work together; the reason is one line. */
  record Refusal(HelloOutcome outcome, String reason) {}

  /** A decode node's Hello, as far as every protocol version can read it. */
  record Caller(long nonce, int version, String replyTo) {}

  /** The rest of a Hello of our own version. */
  record Introduction(
      long leaseNs, long resumes, byte[] random, NodeIdentity identity, byte[] parts) {}

  /** A HelloReply; the identity is null unless it accepts. */
  record Reply(
      long nonce,
      int version,
      HelloOutcome outcome,
      String reason,
      long leaseNs,
      long linkId,
      int kvStreamSession,
      byte[] random,
      byte[] proof,
      @Nullable NodeIdentity identity) {}

  /**
   * Whether a prefill node can work for a decode node: null, or why not. Asked of the prefill node
   * a refusal names the first part of the model in which they differ, once it is told the decode
   * node's.
   *
   * @param decodeParts the {@link ModelParts} that the decode node says it has, or none
   */
  static @Nullable Refusal judge(NodeIdentity prefill, NodeIdentity decode, byte[] decodeParts) {
    if (!prefill.modelHash().equals(decode.modelHash())) {
      String models =
          "the prefill node has the model "
              + brief(prefill.modelHash())
              + ", the decode node "
              + brief(decode.modelHash());
      boolean isAsked = !prefill.parts().isEmpty();
      String where = "";
      if (isAsked && decodeParts.length > 0) {
        String part = ModelParts.firstDifference(prefill.parts(), decodeParts);
        where =
            part == null ? ", which has more in its file" : "; the first that differs is " + part;
      }
      return new Refusal(
          isAsked && decodeParts.length == 0 ? HelloOutcome.SAY_PARTS : HelloOutcome.WRONG_MODEL,
          models + where + ": start both with the same --model");
    }
    if (!prefill.states().equals(decode.states())) {
      boolean own = !isUnknown(prefill.states());
      return new Refusal(
          HelloOutcome.WRONG_STATES,
          (own ? "the prefill node's model has " : "the decode node's model has ")
              + (own ? prefill : decode).states().words()
              + "; the other node's has not: start both with the same --model");
    }
    if (prefill.numericsVersion() != decode.numericsVersion()) {
      return new Refusal(
          HelloOutcome.WRONG_NUMERICS,
          "the prefill node follows numerics "
              + prefill.numericsVersion()
              + ", the decode node "
              + decode.numericsVersion()
              + ": run the same version of Baton on both");
    }
    // Unlike contexts are no hindrance: an order that is too long is not given.
    return null;
  }

  static Refusal wrongVersion(int prefill, int decode) {
    return new Refusal(
        HelloOutcome.WRONG_PROTOCOL,
        "the prefill node speaks protocol "
            + prefill
            + ", the decode node "
            + decode
            + ": run the same version of Baton on both");
  }

  static Refusal noPrefill() {
    return new Refusal(
        HelloOutcome.NO_PREFILL,
        "that node does not prefill: start one with 'baton node --role prefill'");
  }

  /**
   * Whether a Hello from {@code source} is answered at {@code replyTo}: without a cluster key
   * nothing leaves this machine, and nobody elsewhere has this machine call itself.
   */
  static boolean mayAnswer(Endpoint replyTo, Endpoint source, boolean hasKey) {
    return replyTo.isOneNode() && (replyTo.isLoopback() ? source.isLoopback() : hasKey);
  }

  /** Whether nodes may talk as far as keys go; a Hello without a key has zeros for random bytes. */
  static @Nullable Refusal judgeKey(boolean prefillHasKey, byte[] random) {
    boolean decodeHasKey = !Arrays.equals(random, new byte[LinkSecrets.NONCE_BYTES]);
    if (prefillHasKey == decodeHasKey) {
      return null;
    }
    return prefillHasKey
        ? new Refusal(
            HelloOutcome.NEEDS_KEY,
            "it needs a cluster key and this node has none: " + WHERE_THE_KEY_IS)
        : new Refusal(
            HelloOutcome.NO_KEY,
            "it has no cluster key and this node has one: " + WHERE_THE_KEY_IS);
  }

  static Refusal wrongKey() {
    return new Refusal(
        HelloOutcome.WRONG_KEY, "its cluster key is another one: " + WHERE_THE_KEY_IS);
  }

  static Caller readCaller(Frame frame, DirectBuffer buffer, HelloDecoder hello) {
    if (frame.version() == PROTOCOL_VERSION) {
      frame.requireBlock(HelloDecoder.BLOCK_LENGTH);
      frame.requireTexts(buffer, HELLO_TEXTS);
    } else {
      frame.requireLeadingText(buffer, LEAST_HELLO_BLOCK);
    }
    hello.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    return new Caller(hello.nonce(), frame.version(), hello.replyTo());
  }

  /** Goes on where {@link #readCaller} stopped. */
  static Introduction readIntroduction(HelloDecoder hello, NodeIdentity self) {
    byte[] random = new byte[LinkSecrets.NONCE_BYTES];
    hello.getRandom(random, 0, random.length);
    return new Introduction(
        requireLease(hello.leaseNs()),
        hello.resumes(),
        random,
        identity(self, hello.shape(), hello.name(), hello.modelHash(), hello.backend()),
        parts(hello));
  }

  /** The last of a Hello's variable parts. */
  private static byte[] parts(HelloDecoder hello) {
    byte[] parts = new byte[hello.partsLength()];
    hello.getParts(parts, 0, parts.length);
    return ModelParts.requireWhole(parts);
  }

  /**
   * @param self this node
   */
  static Reply readReply(
      Frame frame, DirectBuffer buffer, HelloReplyDecoder reply, NodeIdentity self) {
    boolean ours = frame.version() == PROTOCOL_VERSION;
    if (ours) {
      frame.requireBlock(HelloReplyDecoder.BLOCK_LENGTH);
      frame.requireTexts(buffer, REPLY_TEXTS);
    } else {
      frame.requireLeadingText(buffer, LEAST_REPLY_BLOCK);
    }
    reply.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    HelloOutcome outcome = ours ? reply.outcome() : HelloOutcome.WRONG_PROTOCOL;
    String reason = Frame.printable(reply.reason());
    boolean accepted = outcome == HelloOutcome.ACCEPTED;
    byte[] random = new byte[LinkSecrets.NONCE_BYTES];
    byte[] proof = new byte[LinkSecrets.PROOF_BYTES];
    if (ours) {
      reply.getRandom(random, 0, random.length);
      reply.getProof(proof, 0, proof.length);
    }
    return new Reply(
        reply.nonce(),
        frame.version(),
        outcome,
        reason,
        accepted ? requireLease(reply.leaseNs()) : 0,
        accepted ? reply.linkId() : 0,
        accepted ? reply.kvStreamSession() : 0,
        random,
        proof,
        accepted
            ? requireOrders(
                identity(self, reply.shape(), reply.name(), reply.modelHash(), reply.backend()))
            : null);
  }

  private static NodeIdentity requireOrders(NodeIdentity prefill) {
    if (!prefill.limits().takesOrders()) {
      throw new MalformedMessage("a prefill node that takes no orders: " + prefill.limits());
    }
    return prefill;
  }

  private static long requireLease(long leaseNs) {
    if (leaseNs < StreamConfig.MIN_LEASE_NS) {
      throw new MalformedMessage("a lease of " + leaseNs + " ns");
    }
    return leaseNs;
  }

  private static NodeIdentity identity(
      NodeIdentity self, NodeShapeDecoder shape, String name, String modelHash, String backend) {
    return new NodeIdentity(
        Frame.printable(name),
        Frame.printable(modelHash),
        states(self.states(), shape),
        shape.contextTokens(),
        shape.numericsVersion(),
        Frame.printable(backend),
        WireCodes.fidelity(shape.fidelity()),
        new NodeLimits(shape.chunkTokens(), shape.roomTokens(), shape.orders()),
        WireCodes.capabilities(shape.capabilities()));
  }

  /** Our own table where the other node has the same; else one that no model has. */
  private static StateTable states(StateTable own, NodeShapeDecoder shape) {
    byte[] hash = new byte[NodeShapeDecoder.statesLength()];
    for (int i = 0; i < hash.length; i++) {
      hash[i] = (byte) shape.states(i);
    }
    if (shape.layers() < 1) {
      throw new MalformedMessage("a model of " + shape.layers() + " layers");
    }
    return Arrays.equals(hash, own.hash()) ? own : UNKNOWN;
  }

  private static boolean isUnknown(StateTable table) {
    return table.equals(UNKNOWN);
  }

  private static String brief(String hash) {
    return hash.length() <= 12 ? hash : hash.substring(0, 12);
  }
}
