package dev.baton.kvstream.link;

import dev.baton.gguf.GgufIdentity.Part;
import dev.baton.kvstream.message.MalformedMessage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a model consists of, to name in what two differ whose roots have told that they do: for each
 * part 4 bytes of the SHA-256 of its kind and name and 4 of its own.
 */
final class ModelParts {
  private static final int ENTRY_BYTES = 2 * Integer.BYTES;

  /** Of a message; no known model has a fifth of these parts. */
  private static final int MOST = 8_000;

  private ModelParts() {}

  /** As it goes over the wire; empty where there are too many. */
  static byte[] brief(List<Part> parts) {
    if (parts.size() > MOST) {
      return new byte[0];
    }
    byte[] brief = new byte[parts.size() * ENTRY_BYTES];
    ByteBuffer entries = buffer(brief);
    MessageDigest sha256 = sha256();
    for (Part part : parts) {
      entries.putInt(place(part, sha256)).putInt(hash(part));
    }
    return brief;
  }

  /**
   * The first of a node's own parts that a peer has otherwise or not at all, for messages; null
   * where the peer only has more.
   *
   * @param theirs the peer's {@link #brief}, of whole entries
   */
  static @Nullable String firstDifference(List<Part> own, byte[] theirs) {
    Map<Integer, Integer> there = new HashMap<>();
    ByteBuffer entries = buffer(theirs);
    while (entries.hasRemaining()) {
      there.put(entries.getInt(), entries.getInt());
    }
    MessageDigest sha256 = sha256();
    for (Part part : own) {
      Integer hash = there.get(place(part, sha256));
      if (hash == null || hash != hash(part)) {
        return part.title();
      }
    }
    return null;
  }

  static byte[] requireWhole(byte[] brief) {
    if (brief.length % ENTRY_BYTES != 0) {
      throw new MalformedMessage("a list of a model's parts of " + brief.length + " bytes");
    }
    return brief;
  }

  private static int place(Part part, MessageDigest sha256) {
    sha256.update(part.kind().code());
    return buffer(sha256.digest(part.name().getBytes(StandardCharsets.UTF_8))).getInt();
  }

  private static int hash(Part part) {
    return buffer(HexFormat.of().parseHex(part.hash())).getInt();
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
