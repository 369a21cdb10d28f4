package dev.baton.kvstream;

import dev.baton.kernel.KvGeometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * What names the prefixes of a prompt: a hash for each whole block of tokens, which covers all that
 * the state behind the block depends on beside the model. Equal hashes stand for equal prefixes.
 *
 * <p>{@code h(0) = SHA-256("baton prefix v3" ‖ adapter ‖ salt)}, both with their length in bytes
 * before them; {@code h(k) = SHA-256(h(k-1) ‖ the block's 64 tokens ‖ runs ‖ positions)}. Of each
 * given run that touches the block: the block's first token of it, how many there are, which of the
 * run's tokens the first one is, and the run's hash; of each of the block's tokens its three
 * positions, where the prompt has them. Numbers are little-endian int32; ‖ joins bytes.
 */
public final class PrefixChain {
  /** Bytes of a hash on the wire: the first ones of it. */
  public static final int HASH_BYTES = 16;

  /** Tokens of a block. */
  public static final int BLOCK_TOKENS = KvGeometry.BLOCK_TOKENS;

  private static final String LABEL = "baton prefix v3";
  private static final int POSITION_PARTS = 3;

  private PrefixChain() {}

  /** The hashes of all whole blocks, one behind the other. */
  public static byte[] of(Prompt prompt) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(LABEL.getBytes(StandardCharsets.US_ASCII));
      add(sha, prompt.adapter().getBytes(StandardCharsets.UTF_8));
      add(sha, prompt.salt());
      byte[] last = sha.digest();
      int blocks = prompt.tokens().length / BLOCK_TOKENS;
      byte[] chain = new byte[blocks * HASH_BYTES];
      for (int block = 0; block < blocks; block++) {
        sha.update(last);
        addBlock(sha, prompt, block * BLOCK_TOKENS);
        last = sha.digest();
        System.arraycopy(last, 0, chain, block * HASH_BYTES, HASH_BYTES);
      }
      return chain;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static void add(MessageDigest sha, byte[] bytes) {
    addNumbers(sha, bytes.length);
    sha.update(bytes);
  }

  private static void addBlock(MessageDigest sha, Prompt prompt, int first) {
    int end = first + BLOCK_TOKENS;
    for (int i = first; i < end; i++) {
      addNumbers(sha, prompt.tokens()[i]);
    }
    for (Prompt.Given run : prompt.given()) {
      int from = Math.max(first, run.firstToken());
      int until = Math.min(end, run.firstToken() + run.tokens());
      if (from < until) {
        addNumbers(sha, from - first, until - from, from - run.firstToken());
        sha.update(run.hash());
      }
    }
    for (int i = first * POSITION_PARTS;
        i < end * POSITION_PARTS && i < prompt.positions().length;
        i++) {
      addNumbers(sha, prompt.positions()[i]);
    }
  }

  private static void addNumbers(MessageDigest sha, int... numbers) {
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int number : numbers) {
      bytes.putInt(number);
    }
    sha.update(bytes.array());
  }
}
