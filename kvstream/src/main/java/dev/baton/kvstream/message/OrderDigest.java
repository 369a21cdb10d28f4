package dev.baton.kvstream.message;

import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import java.nio.charset.StandardCharsets;

/**
 * A number that any single change of an order changes: nothing else on the wire would tell that
 * another prompt was prefilled than the one that was meant. FNV-1a over whole numbers.
 */
public final class OrderDigest {
  private OrderDigest() {}

  /** That of an order. */
  public static long of(PrefillOrder order) {
    Stage stage = order.stage();
    Prompt prompt = order.prompt();
    long hash = 0xcbf29ce484222325L;
    hash = mix(hash, order.sessionId());
    hash = mix(hash, order.firstToken());
    hash = mix(hash, stage.fromLayer());
    hash = mix(hash, stage.toLayer());
    hash = mix(hash, stage.state() ? 1 : 0);
    hash = mix(hash, WireCodes.of(stage.rows()));
    hash = mix(hash, stage.rowsTicket());
    if (stage.input() instanceof Stage.RowsOf(String node, long ticket)) {
      hash = mix(mix(hash, ticket), node);
    }
    hash = mix(hash, order.chunks().largestTokens());
    hash = mix(hash, order.chunks().smallestTokens());
    hash = mix(hash, WireCodes.of(order.wireType()));
    hash = mix(hash, WireCodes.of(order.urgency().priority()));
    hash = mix(hash, order.urgency().deadlineMs());
    for (Prompt.Given run : prompt.given()) {
      hash = mix(mix(mix(hash, run.firstToken()), run.tokens()), run.hash());
    }
    hash = mix(hash, prompt.adapter());
    hash = mix(hash, prompt.salt());
    for (int position : prompt.positions()) {
      hash = mix(hash, position);
    }
    for (int token : prompt.tokens()) {
      hash = mix(hash, token);
    }
    return hash;
  }

  private static long mix(long hash, long number) {
    long mixed = (hash ^ number) * 0x100000001b3L;
    return mixed ^ (mixed >>> 32);
  }

  private static long mix(long hash, byte[] bytes) {
    long mixed = mix(hash, bytes.length);
    for (byte one : bytes) {
      mixed = mix(mixed, one);
    }
    return mixed;
  }

  private static long mix(long hash, String text) {
    return mix(hash, text.getBytes(StandardCharsets.UTF_8));
  }
}
