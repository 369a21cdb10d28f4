package dev.baton.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.plan.SpeedProfile.ChunkPoint;
import java.util.List;
import org.junit.jupiter.api.Test;

final class SpeedProfileTest {
  private static final int LAYERS = 32;
  private static final SpeedProfile PROFILE =
      new SpeedProfile(
          "a test",
          List.of(new ChunkPoint(1, 0.001), new ChunkPoint(512, 0.004)),
          1e-9,
          0.002,
          0.05,
          0.001,
          1e-6,
          0.1,
          0.2);

  @Test
  void shouldSayWhatTheShortRunTook() {
    SpeedProfile refined = PROFILE.refined(LAYERS, 700, 0.5, 300, 0.04);
    assertEquals(0.5, LAYERS * refined.chunkLayerSeconds(700, 0) + refined.outputSeconds(), 1e-12);
    assertEquals(0.04, refined.decodeStepSeconds(1, 300), 1e-12);
  }

  @Test
  void shouldKeepItsShapeAndTrustItselfMoreAfterAShortRun() {
    SpeedProfile refined = PROFILE.refined(LAYERS, 512, 0.5, 300, 0.04);
    assertEquals(
        PROFILE.chunkLayerSeconds(2000, 4000) / PROFILE.chunkLayerSeconds(64, 0),
        refined.chunkLayerSeconds(2000, 4000) / refined.chunkLayerSeconds(64, 0),
        1e-9);
    assertTrue(refined.prefillError() < PROFILE.prefillError());
    assertTrue(refined.decodeError() < PROFILE.decodeError());
  }

  @Test
  void shouldRefuseARunThatTookNoTime() {
    assertEquals(
        "a run takes time, got 0.0 s and 0.04 s",
        assertThrows(
                IllegalArgumentException.class, () -> PROFILE.refined(LAYERS, 512, 0, 300, 0.04))
            .getMessage());
  }
}
