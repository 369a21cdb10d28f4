package dev.baton.bench.fit;

import dev.baton.device.Coefficients;
import dev.baton.device.CsvTable;
import dev.baton.device.Device;
import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import dev.baton.device.SpeedModel;
import dev.baton.device.SpeedModel.Kernels;
import dev.baton.device.SpeedModel.Prefill;
import dev.baton.device.SpeedModel.Term;
import java.util.List;
import java.util.Map;

/**
 * One speed that somebody published.
 *
 * @param device it was measured on
 * @param model that was run
 * @param phase what was measured
 * @param tokens read or written, of each sequence
 * @param depth tokens before these
 * @param batch sequences at once
 * @param seconds of the whole prefill or of one decode step
 * @param source who says so
 */
record PublishedSpeed(
    Device device,
    ModelArchitecture model,
    Phase phase,
    int tokens,
    int depth,
    int batch,
    double seconds,
    String source) {
  /** What was measured. */
  enum Phase {
    DECODE,
    PREFILL
  }

  /** Whether all weights are used by every token. */
  enum Kind {
    DENSE,
    MOE
  }

  /** Names of the published table that are no names of data sheets. */
  private static final Map<String, String> CHIPS =
      Map.ofEntries(
          Map.entry("A100 80GB", "A100 SXM 80GB"),
          Map.entry("H100 80GB", "H100 SXM"),
          Map.entry("H100 PCIe 80GB", "H100 PCIe"),
          Map.entry("M1 Max 32c 64GB", "M1 Max 32c"),
          Map.entry("M1 Max 64GB", "M1 Max 32c"),
          Map.entry("M1 Pro 32GB", "M1 Pro 16c"),
          Map.entry("M2 Ultra 76c 192GB", "M2 Ultra 76c"),
          Map.entry("M3 Max 40c 64GB", "M3 Max 40c"),
          Map.entry("M3 Ultra 80c 512GB", "M3 Ultra 80c"),
          Map.entry("M4 Max 36GB", "M4 Max 32c"),
          Map.entry("M5 Max 40c Metal-only", "M5 Max 40c"),
          Map.entry("M5 Max 40c NeuralAccel", "M5 Max 40c"));

  /** Forms of weights that are named loosely there. */
  private static final Map<String, String> FORMS = Map.of("Q4", "Q4_K_M");

  /** llama.cpp's own micro-batch, and the one of its maintainers' benchmarks. */
  private static final int USUAL_PASS = 512;

  private static final int LARGE_PASS = 2048;

  static PublishedSpeed of(CsvTable.Row row, DeviceCatalog catalog) {
    String chip = row.text("device");
    String form = row.text("quant");
    int tokens = row.whole("n_tokens", 0);
    int batch = row.whole("batch", 0);
    Phase phase =
        switch (row.text("test")) {
          case "pp" -> Phase.PREFILL;
          case "tg" -> Phase.DECODE;
          default -> throw row.wrong("test is pp or tg, got '" + row.text("test") + "'");
        };
    double done = phase == Phase.PREFILL ? (double) tokens * batch : batch;
    return new PublishedSpeed(
        catalog.device(CHIPS.getOrDefault(chip, chip)),
        catalog.model(row.text("model") + " " + FORMS.getOrDefault(form, form)),
        phase,
        tokens,
        row.whole("depth", 0),
        batch,
        done / row.number("tok_per_s"),
        row.text("source"));
  }

  Kind kind() {
    return model.experts() == null ? Kind.DENSE : Kind.MOE;
  }

  /** The model, whatever the form of its weights. */
  String bareModel() {
    return model.name().substring(0, model.name().lastIndexOf(' '));
  }

  /** Which of a device's rows stand and fall together. */
  String series() {
    return phase + " of " + model.name() + " on " + device.name();
  }

  /** The context a run ends with. */
  int reach() {
    return depth + tokens;
  }

  /** What {@link SpeedModel} says it consists of. */
  List<Term> terms() {
    if (phase == Phase.DECODE) {
      return SpeedModel.decode(device, model, kernels(), batch, depth + tokens / 2.0);
    }
    return SpeedModel.prefill(
        device, model, kernels(), new Prefill(tokens, depth, batch, passTokens()));
  }

  private Kernels kernels() {
    if (source.contains("fa off")) {
      return Kernels.OF_2024;
    }
    boolean of2025 = source.contains("15396") || source.contains("NVIDIA dev blog");
    return of2025 ? Kernels.OF_2025 : Kernels.TODAY;
  }

  private int passTokens() {
    boolean usual =
        source.contains("fa off") || source.contains("15013") || source.contains("16634");
    return usual ? USUAL_PASS : LARGE_PASS;
  }

  /** Predicted over observed, less 1. */
  double error(Coefficients coefficients) {
    return coefficients.seconds(terms()) / seconds - 1;
  }
}
