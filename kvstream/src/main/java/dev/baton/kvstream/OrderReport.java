package dev.baton.kvstream;

import org.jspecify.annotations.Nullable;

/**
 * What became of an order, at the node that computed it or would not.
 *
 * @param caller who ordered, for people
 * @param end how it ended
 * @param reason why it was not sent whole, one line; null where it was
 * @param tokens of the prompt
 * @param heldTokens of these the first ones, whose state was there and was not computed
 * @param fromLayer the first layer that was ordered
 * @param toLayer the layer behind the last
 * @param ns from when it was accepted until it ended; 0 where it was refused
 * @param sentBytes payload that left, repeats included
 * @param savedBytes payload that the caller had at the last resume and that did not leave again
 * @param resumes how often it went on over a new connection
 */
public record OrderReport(
    String caller,
    End end,
    @Nullable String reason,
    int tokens,
    int heldTokens,
    int fromLayer,
    int toLayer,
    long ns,
    long sentBytes,
    long savedBytes,
    int resumes) {
  /** How an order ended. */
  public enum End {
    /** The caller has all of it. */
    DELIVERED,
    /** The caller wanted no more, or went on without. */
    CANCELLED,
    /** It could not be finished here. */
    FAILED,
    /** The caller was lost. */
    LOST,
    /** It was not taken. */
    REFUSED
  }

  /** Of an order that was not taken. */
  public static OrderReport refused(String caller, String reason, PrefillOrder order) {
    Stage stage = order.stage();
    return new OrderReport(
        caller,
        End.REFUSED,
        reason,
        order.tokens().length,
        0,
        stage.fromLayer(),
        stage.toLayer(),
        0,
        0,
        0,
        0);
  }
}
