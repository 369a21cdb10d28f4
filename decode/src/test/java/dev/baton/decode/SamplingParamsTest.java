package dev.baton.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplingParamsTest {
  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          -0.1, 0, 1, 0, 1, 64, 0, 0, temperature must be 0 or more
          NaN, 0, 1, 0, 1, 64, 0, 0, temperature must be 0 or more
          Infinity, 0, 1, 0, 1, 64, 0, 0, temperature must be 0 or more
          1, -1, 1, 0, 1, 64, 0, 0, top-k must be 0 (off) or more
          1, 0, 0, 0, 1, 64, 0, 0, top-p must be above 0
          1, 0, 1.1, 0, 1, 64, 0, 0, top-p must be above 0
          1, 0, 1, -0.5, 1, 64, 0, 0, min-p must be from 0
          1, 0, 1, 2, 1, 64, 0, 0, min-p must be from 0
          1, 0, 1, 0, 0, 64, 0, 0, repeat penalty must be above 0
          1, 0, 1, 0, 1, -1, 0, 0, repeat-last-n must be from 0
          1, 0, 1, 0, 1, 2000000, 0, 0, repeat-last-n must be from 0
          1, 0, 1, 0, 1, 64, NaN, 0, presence penalty must be a finite number
          1, 0, 1, 0, 1, 64, 0, Infinity, frequency penalty must be a finite number
          """)
  void shouldNameTheValueThatIsOutOfRange(
      float temperature,
      int topK,
      float topP,
      float minP,
      float repeatPenalty,
      int repeatLastN,
      float presencePenalty,
      float frequencyPenalty,
      String message) {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                new SamplingParams(
                    temperature,
                    topK,
                    topP,
                    minP,
                    repeatPenalty,
                    repeatLastN,
                    presencePenalty,
                    frequencyPenalty,
                    1));
    String said = String.valueOf(refused.getMessage());
    assertTrue(said.startsWith(message), said);
  }

  @Test
  void shouldBeGreedyByTemperatureZero() {
    assertEquals(0f, SamplingParams.greedy().temperature());
    assertFalse(SamplingParams.greedy().penalises());
  }

  @Test
  void shouldCarryTheSeed() {
    assertEquals(7, SamplingParams.usual(7).seed());
    assertTrue(SamplingParams.usual(7).truncates());
  }
}
