package dev.baton;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.TokenListener;
import java.util.concurrent.CompletableFuture;

/** The tokens of an answer, and how it ended. */
final class CollectedAnswer implements TokenListener {
  final int[] tokens;
  final CompletableFuture<DecodeOutcome> ended = new CompletableFuture<>();
  private int count;

  CollectedAnswer(int mostTokens) {
    tokens = new int[mostTokens];
  }

  @Override
  public void onToken(int token) {
    tokens[count++] = token;
  }

  @Override
  public void onEnd(DecodeOutcome outcome) {
    ended.complete(outcome);
  }
}
