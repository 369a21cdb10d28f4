package dev.baton.kvstream;

import dev.baton.kernel.KvGeometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * What names the prefixes of a prompt: a hash for each whole block of tokens, which covers all that
 * the state behind the block depends on beside the model. Equal hashes stand for equal prefixes. A
 * chain goes on with the answer's tokens, so that the next turn of a conversation finds them.
 *
 * <p>{@code h(0) = SHA-256("baton prefix v3" ‖ adapter ‖ salt)}, both with their length in bytes
 * before them; {@code h(k) = SHA-256(h(k-1) ‖ the block's 64 tokens ‖ runs ‖ positions)}. Of each
 * given run that touches the block: the block's first token of it, how many there are, which of the
 * run's tokens the first one is, and the run's hash; of each of the block's tokens its three
 * positions, where the prompt has them. Numbers are little-endian int32; ‖ joins bytes.
 *
 * <p>One thread at a time; adding tokens allocates nothing.
 */
public final class PrefixChain {
  /** Bytes of a hash on the wire: the first ones of it. */
  public static final int HASH_BYTES = 16;

  /** Tokens of a block. */
  public static final int BLOCK_TOKENS = KvGeometry.BLOCK_TOKENS;

  private static final String LABEL = "baton prefix v3";
  private static final int POSITION_PARTS = 3;

  private final Prompt prompt;
  private final MessageDigest sha;
  private final byte[] last; // the last block's whole hash
  private final byte[] hashes;
  private final ByteBuffer numbers =
      ByteBuffer.allocate(BLOCK_TOKENS * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private final int[] block = new int[BLOCK_TOKENS]; // the tokens of the one that is filled
  private int tokens;

  /** The hashes of all whole blocks, one behind the other. */
  public static byte[] of(Prompt prompt) {
    return new PrefixChain(prompt, prompt.tokens().length).hashes;
  }

  /**
   * The chain of a prompt, to be gone on with.
   *
   * @param maxTokens the prompt's and those to come
   */
  public PrefixChain(Prompt prompt, int maxTokens) {
    if (maxTokens < prompt.tokens().length) {
      throw new IllegalArgumentException(
          prompt.tokens().length + " tokens in a chain for " + maxTokens);
    }
    this.prompt = prompt;
    this.hashes = new byte[maxTokens / BLOCK_TOKENS * HASH_BYTES];
    try {
      this.sha = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
    sha.update(LABEL.getBytes(StandardCharsets.US_ASCII));
    hash(prompt.adapter().getBytes(StandardCharsets.UTF_8));
    hash(prompt.salt());
    this.last = sha.digest();
    for (int token : prompt.tokens()) {
      add(token);
    }
  }

  /**
   * Goes on with the token behind the last.
   *
   * @return true when it made a block whole, which has a hash now
   * @throws IndexOutOfBoundsException when there is no room for the hash
   */
  public boolean add(int token) {
    block[tokens % BLOCK_TOKENS] = token;
    tokens++;
    if (tokens % BLOCK_TOKENS != 0) {
      return false;
    }
    sha.update(last);
    hashBlock(tokens - BLOCK_TOKENS);
    try {
      sha.digest(last, 0, last.length);
    } catch (DigestException e) {
      throw new IllegalStateException("there is room for a digest", e);
    }
    System.arraycopy(last, 0, hashes, (blocks() - 1) * HASH_BYTES, HASH_BYTES);
    return true;
  }

  /** Tokens so far. */
  public int tokens() {
    return tokens;
  }

  /** Whole blocks so far. */
  public int blocks() {
    return tokens / BLOCK_TOKENS;
  }

  /** The hashes of the first {@code blocks} blocks, one behind the other; a copy. */
  public byte[] hashes(int blocks) {
    if (blocks > blocks()) {
      throw new IllegalArgumentException(blocks + " hashes of " + blocks() + " whole blocks");
    }
    return Arrays.copyOf(hashes, blocks * HASH_BYTES);
  }

  /**
   * The hashes of the {@link #blocks} whole blocks, and zeros for those to come; always the same
   * array, not to be changed.
   */
  public byte[] array() {
    return hashes;
  }

  private void hash(byte[] bytes) {
    hash(bytes.length);
    sha.update(bytes);
  }

  private void hashBlock(int first) {
    int end = first + BLOCK_TOKENS;
    numbers.clear();
    for (int token : block) {
      numbers.putInt(token);
    }
    sha.update(numbers.flip());
    for (Prompt.Given run : prompt.given()) {
      int from = Math.max(first, run.firstToken());
      int until = Math.min(end, run.firstToken() + run.tokens());
      if (from < until) {
        hash(from - first);
        hash(until - from);
        hash(from - run.firstToken());
        sha.update(run.hash());
      }
    }
    int[] positions = prompt.positions();
    for (int i = first * POSITION_PARTS; i < end * POSITION_PARTS && i < positions.length; i++) {
      hash(positions[i]);
    }
  }

  private void hash(int number) {
    sha.update(numbers.clear().putInt(number).flip());
  }
}
