package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.Split;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Callers that change their mind, at points of the transfer that a seed chooses. */
@Timeout(120)
class CancelFaultIT {
  private static final long SEED = 21;
  private static final GenerateRequest LONG =
      RelayedNodes.request(RelayedNodes.WHOLE_CONTEXT, new Split.Remote());

  @Test
  void shouldGiveEverythingBackWhereverACallerCancels() {
    SplittableRandom random = new SplittableRandom(SEED);
    try (RelayedNodes nodes = RelayedNodes.open(Duration.ofSeconds(3), SEED)) {
      for (int i = 0; i < 12; i++) {
        Split split = i % 3 == 0 ? new Split.At(2) : new Split.Remote();
        RelayedNodes.Answer wanted = nodes.local(LONG);
        nodes.forgetPrefixes();
        nodes.relay.suffer(new Fault.Bandwidth(30_000_000, 4 << 20));
        try (Generation generation = nodes.baton.generate(LONG.withSplit(split))) {
          long point = random.nextLong(RelayedNodes.WHOLE_CONTEXT_KV_BYTES / 4);
          nodes.relay.afterBytes(Relay.Way.TO_DECODE, point, generation::cancel);
          RelayedNodes.Answer given = RelayedNodes.answer(generation);
          assertEquals("cancelled", given.report().end(), given.report()::toString);
          assertArrayEquals(Arrays.copyOf(wanted.tokens(), given.tokens().length), given.tokens());
        }
        nodes.assertNothingIsLeft();
      }
    }
  }
}
