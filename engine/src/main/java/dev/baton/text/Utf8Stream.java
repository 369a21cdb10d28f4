package dev.baton.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Whole characters out of a stream of bytes that is cut anywhere: what is not yet a character waits
 * for the next bytes. Bytes that can no longer become one are U+FFFD, as in {@code new
 * String(bytes, UTF_8)}. One thread.
 */
public final class Utf8Stream {
  /** A character has at most 4 bytes, so at most 3 wait. */
  private static final int MAX_WAITING = 3;

  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private ByteBuffer bytes = ByteBuffer.allocate(64);
  private CharBuffer characters = CharBuffer.allocate(64);

  /** The characters that are complete with these bytes; empty while none is. */
  public String append(byte[] piece) {
    if (bytes.capacity() < MAX_WAITING + piece.length) {
      ByteBuffer larger = ByteBuffer.allocate(2 * (MAX_WAITING + piece.length));
      bytes = larger.put(bytes.flip());
      characters = CharBuffer.allocate(larger.capacity());
    }
    bytes.put(piece);
    return decode(false);
  }

  /**
   * What is left at the end of the stream: U+FFFD for an unfinished character, else nothing. The
   * stream starts anew.
   */
  public String flush() {
    String rest = decode(true);
    decoder.reset();
    return rest;
  }

  private String decode(boolean endOfInput) {
    bytes.flip();
    // A byte gives at most one char, so there is always room.
    decoder.decode(bytes, characters, endOfInput);
    bytes.compact();
    String text = characters.flip().toString();
    characters.clear();
    return text;
  }
}
