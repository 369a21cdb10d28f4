package dev.baton.arch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LayerRangeTest {
  @Test
  void shouldHoldItsFirstLayerAndNotTheOneBehindItsLast() {
    LayerRange range = new LayerRange(3, 5);
    assertEquals(2, range.count());
    assertFalse(range.contains(2));
    assertTrue(range.contains(3));
    assertTrue(range.contains(4));
    assertFalse(range.contains(5));
    assertEquals("[3, 5)", range.toString());
    assertEquals(new LayerRange(0, 4), LayerRange.all(4));
  }

  @Test
  void shouldHoldWhatLiesInItAndWhateverIsEmpty() {
    LayerRange range = new LayerRange(3, 5);
    assertTrue(range.contains(new LayerRange(3, 5)));
    assertTrue(range.contains(new LayerRange(4, 5)));
    assertFalse(range.contains(new LayerRange(2, 4)));
    assertFalse(range.contains(new LayerRange(4, 6)));
    assertTrue(range.contains(new LayerRange(9, 9)));
  }

  @Test
  void shouldRefuseWhatIsNoRange() {
    assertThrows(IllegalArgumentException.class, () -> new LayerRange(-1, 2));
    assertThrows(IllegalArgumentException.class, () -> new LayerRange(3, 2));
  }
}
