package dev.baton.learn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class NodeSlowdownTest {
  private final NodeSlowdown node = new NodeSlowdown();

  @Test
  void shouldKnowAtOnceAndForgetSlowly() {
    assertEquals(1, node.times(0));
    node.left(32, 0);
    assertEquals(32, node.times(0));
    assertEquals(16, node.times(NodeSlowdown.HALVED_NS), 1e-9);
    node.left(2, NodeSlowdown.HALVED_NS);
    assertEquals(32, node.times(NodeSlowdown.HALVED_NS), 1e-9);
    assertEquals(1, node.times(100 * NodeSlowdown.HALVED_NS));
  }

  @Test
  void shouldBelieveWhatIsMeasured() {
    node.left(32, 0);
    node.measured(20, 0);
    assertEquals(20, node.times(0), 1e-9);
    node.measured(1.3, 0);
    assertEquals(1, node.times(0));
  }

  @Test
  void shouldTakeADeliveryForRecoveryButNeverForASlowdown() {
    node.delivered(30, 0);
    assertEquals(1, node.times(0));
    node.left(32, 0);
    node.delivered(40, 0);
    assertTrue(node.times(0) > 31);
    node.delivered(1.1, 0);
    assertEquals(1, node.times(0));
  }
}
