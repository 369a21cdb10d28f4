package dev.baton.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.kernel.KvGeometry;
import dev.baton.plan.PlannedModel;
import org.junit.jupiter.api.Test;

class NodeProbesTest {
  /** 4,096 bytes of KV for a token in a layer, 16,384 of a hidden row. */
  private static final PlannedModel MODEL =
      new PlannedModel("eight layers", new KvGeometry(8, 8, 128), 4096);

  private static final double RATE = 1e7;

  @Test
  void shouldCountKvThatWaitsForASlowLinkToItsRate() {
    // 6.5536 ms a layer's slice: 52.4288 ms all of them from the first layer's end on, at 1 ms.
    assertEquals(2e-3, NodeProbes.latencySeconds(MODEL, 16, 8e-3, 49.0672e-3, RATE), 1e-9);
    assertEquals(0, NodeProbes.latencySeconds(MODEL, 16, 8e-3, 40e-3, RATE));
  }

  @Test
  void shouldTakeOffTheLastSliceAndTheRowWhereTheLinkKeepsUp() {
    assertEquals(2e-3, NodeProbes.latencySeconds(MODEL, 16, 80e-3, 10.192e-3, RATE), 1e-9);
  }
}
