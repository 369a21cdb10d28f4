package dev.baton.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.plan.SpeedProfile;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

final class DeviceCatalogTest {
  private static final DeviceCatalog CATALOG = DeviceCatalog.load();
  private static final List<String> MODELS =
      List.of("llama-3.1-8b-f16", "gemma-3-4b-q4_0", "qwen3-30b-a3b-q8_0", "glm-4.7-flash-q8_0");
  private static final List<Integer> TOKENS =
      List.of(1, 7, 16, 100, 128, 300, 512, 1000, 2048, 5000, 8192, 20_000);

  @Test
  void shouldFindDevicesByAPartOfTheirNameThatFitsOneOnly() {
    assertEquals("M3 Ultra 80c", CATALOG.device("m3-ultra").name());
    assertEquals("DGX Spark GB10", CATALOG.device("DGX Spark").name());
    assertEquals("RTX 4080", CATALOG.device("rtx 4080").name());
  }

  @Test
  void shouldSayWhichDevicesAShortNameMayMean() {
    assertEquals(
        "'M4 Max' may be M4 Max 40c or M4 Max 32c; say which",
        assertThrows(IllegalArgumentException.class, () -> CATALOG.device("M4 Max")).getMessage());
  }

  @Test
  void shouldNameTheNearestDevice() {
    assertEquals(
        "there is no device 'RTX 4091', did you mean RTX 4090?",
        assertThrows(IllegalArgumentException.class, () -> CATALOG.device("RTX 4091"))
            .getMessage());
  }

  @Test
  void shouldNameTheNearestModel() {
    assertEquals(
        "there is no model 'lama-3.1-8b-q4_0', did you mean Llama 3.1 8B?",
        assertThrows(IllegalArgumentException.class, () -> CATALOG.model("lama-3.1-8b-q4_0"))
            .getMessage());
  }

  @Test
  void shouldTellF16AfterAnEightBFromBf16() {
    assertEquals("Llama 3.1 8B F16", CATALOG.model("llama-3.1-8b-f16").name());
    assertEquals("Llama 3.1 8B BF16", CATALOG.model("Llama 3.1 8B BF16").name());
    assertEquals("gpt-oss 20B MXFP4", CATALOG.model("gpt-oss-20b").name());
    assertEquals("Qwen3 30B A3B Q4_K_M", CATALOG.model("qwen3-30b-a3b-instruct-q4_k_m").name());
  }

  @Test
  void shouldKnowHowLargeTheFilesOfModelsAre() {
    // As published, in 10^9 bytes.
    assertEquals(16.06, CATALOG.model("llama-3.1-8b-f16").weightBytes() / 1e9, 0.02);
    assertEquals(42.5, CATALOG.model("llama-3.1-70b-q4_k_m").weightBytes() / 1e9, 0.5);
    assertEquals(12.1, CATALOG.model("gpt-oss-20b").weightBytes() / 1e9, 0.1);
    assertEquals(32.5, CATALOG.model("qwen3-30b-a3b-q8_0").weightBytes() / 1e9, 0.3);
    assertEquals(3.83, CATALOG.model("llama-2-7b-q4_0").weightBytes() / 1e9, 0.04);
  }

  @Test
  void shouldTellThePlannerWhatKvTravels() {
    assertEquals(4096, CATALOG.model("llama-3.1-8b-f16").planned().geometry().tokenBytes());
    // A latent row of 512 and 64 values of rope.
    assertEquals(1152, CATALOG.model("glm-4.7-flash-q8_0").planned().geometry().tokenBytes());
  }

  /** EXO's published pair: Llama 3.1 8B F16, a prompt of 8,192 tokens. */
  @Test
  void shouldPredictExosNodesWithinTheStatedError() {
    ModelArchitecture model = CATALOG.model("llama-3.1-8b-f16");
    checkExosNode("DGX Spark", model, 8192 / 5573.0, 89.7e-3);
    checkExosNode("M3 Ultra", model, 8192 / 1471.0, 26.6e-3);
  }

  private static void checkExosNode(
      String device, ModelArchitecture model, double promptSeconds, double stepSeconds) {
    SpeedProfile profile = CATALOG.profile(CATALOG.device(device), model);
    double prompt = model.layers() * profile.chunkLayerSeconds(8192, 0) + profile.outputSeconds();
    assertEquals(1, prompt / promptSeconds, profile.prefillError(), device);
    assertEquals(
        1, profile.decodeStepSeconds(1, 8192) / stepSeconds, profile.decodeError(), device);
  }

  @Test
  void shouldNeverTakeLessTimeForMore() {
    for (Device device : CATALOG.devices()) {
      for (String name : MODELS) {
        ModelArchitecture model = CATALOG.model(name);
        SpeedProfile profile = CATALOG.profile(device, model);
        for (int i = 1; i < TOKENS.size(); i++) {
          int fewer = TOKENS.get(i - 1);
          int more = TOKENS.get(i);
          String what = name + " on " + device.name() + ", " + more + " tokens";
          assertTrue(
              profile.chunkLayerSeconds(more, 0) >= profile.chunkLayerSeconds(fewer, 0), what);
          assertTrue(
              profile.decodeStepSeconds(1, more) >= profile.decodeStepSeconds(1, fewer), what);
        }
        assertTrue(profile.decodeStepSeconds(2, 0) >= profile.decodeStepSeconds(1, 0), name);
      }
    }
  }

  @Test
  void shouldNeverBeSlowerWithMoreBandwidthOrAHigherPeak() {
    for (Device device : CATALOG.devices()) {
      for (String name : MODELS) {
        ModelArchitecture model = CATALOG.model(name);
        SpeedProfile plain = CATALOG.profile(device, model);
        String what = name + " on " + device.name();
        shouldNotBeSlower(CATALOG.profile(better(device, 1.3, 1), model), plain, what);
        shouldNotBeSlower(CATALOG.profile(better(device, 1, 1.3), model), plain, what);
      }
    }
  }

  private static Device better(Device d, double bandwidth, double peak) {
    double int8 = d.int8Tops().orElse(2 * d.fp16Tflops());
    return new Device(
        d.name(),
        d.fp16Tflops() * peak,
        d.int8Tops().isPresent() ? OptionalDouble.of(int8 * peak) : d.int8Tops(),
        d.memoryGb(),
        d.memoryGbps() * bandwidth,
        d.watts(),
        d.priceUsd(),
        d.source());
  }

  private static void shouldNotBeSlower(SpeedProfile better, SpeedProfile plain, String what) {
    for (int tokens : TOKENS) {
      assertTrue(
          better.chunkLayerSeconds(tokens, 0) <= plain.chunkLayerSeconds(tokens, 0) * 1.0001,
          what + ", prefill of " + tokens);
      assertTrue(
          better.decodeStepSeconds(1, tokens) <= plain.decodeStepSeconds(1, tokens) * 1.0001,
          what + ", decode at " + tokens);
    }
  }

  @Test
  void shouldPredictDevicesThatAreInNoFile() {
    ModelArchitecture model = CATALOG.model("qwen3-8b-q8_0");
    for (String name : List.of("M9 Max 50c", "RTX 3060", "RTX 7090", "Somebody's NPU")) {
      Device device = new Device(name, 50, OptionalDouble.empty(), 32, 500, 200, 1500, "this test");
      SpeedProfile profile = CATALOG.profile(device, model);
      double floor = model.weightBytes() * 0.85 / device.bandwidth();
      double step = profile.decodeStepSeconds(1, 100);
      assertTrue(step > floor && step < 4 * floor, name + " takes " + step + " s for a token");
      assertTrue(profile.decodeError() > 0.05 && profile.prefillError() > 0.05, name);
    }
  }

  @Test
  void shouldSayWhatIsWrongWithADevice() {
    assertEquals(
        "the bandwidth of Slow is a positive number, got -1.0",
        assertThrows(
                IllegalArgumentException.class,
                () -> new Device("Slow", 1, OptionalDouble.empty(), 1, -1, 1, 1, "this test"))
            .getMessage());
  }
}
