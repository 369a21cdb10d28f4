package dev.baton.kvstream.link;

import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.StreamConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A model with every kind of state, over real streams. */
@Timeout(60)
class AllKindsTest {
  @Test
  void shouldMoveEveryKindOfStateAtEveryBoundary() {
    NodeIdentity node = Nodes.node(Nodes.ALL_KINDS, 4096);
    int layers = Nodes.ALL_KINDS.layerCount();
    try (NodePair pair = new NodePair(node, StreamConfig.builder())) {
      long session = 0;
      for (int boundary = 1; boundary <= layers; boundary++) {
        for (int tokens : new int[] {1, 3, 7, 64, 500}) {
          for (int first : new int[] {0, tokens / 2}) {
            Stage stage = Stage.below(boundary, layers);
            pair.transfer(Nodes.order(++session, tokens, first, stage, 48));
          }
        }
      }
    }
  }
}
