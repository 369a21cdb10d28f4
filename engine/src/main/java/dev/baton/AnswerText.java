package dev.baton;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.text.Tokenizer;
import dev.baton.text.Utf8Stream;

/**
 * An answer's tokens as text, whole characters, up to the first stop text. Tokens that only steer
 * the model are shown where the request asks for it; their names may be part of a stop text in any
 * case. One thread.
 */
final class AnswerText {
  private final Tokenizer tokenizer;
  private final boolean special;
  private final StopTexts stops;
  private final Utf8Stream utf8 = new Utf8Stream();

  AnswerText(Tokenizer tokenizer, GenerateRequest request) {
    this.tokenizer = tokenizer;
    this.special = request.special();
    this.stops = new StopTexts(request.stop());
  }

  /** Takes the next token and gives what is certainly part of the answer. */
  String append(int token) {
    byte[] piece = tokenizer.pieceBytes(token, special);
    if (piece.length > 0) {
      return stops.pass(utf8.append(piece));
    }
    return stops.passUnseen(new String(tokenizer.pieceBytes(token, true), UTF_8));
  }

  /** True once a stop text is whole; what comes after it is not part of the answer. */
  boolean isStopped() {
    return stops.isFound();
  }

  /** What was held back, once no more tokens come. */
  String finish() {
    return stops.pass(utf8.flush()) + stops.finish();
  }
}
