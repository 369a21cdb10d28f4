package dev.baton.bench.result;

import com.fasterxml.jackson.annotation.JsonValue;
import dev.baton.bench.report.ResultFigure.Better;

/** What is measured of a request. */
public enum Metric {
  TTFT("ttft_ms", "TTFT", "ms", Better.LOWER),
  PREFILL("prefill_tok_s", "prefill", "tok/s", Better.HIGHER),
  HIDDEN("hidden_percent", "hidden", "%", Better.HIGHER),
  TPOT("tpot_ms", "TPOT", "ms", Better.LOWER),
  ITL_P50("itl_p50_ms", "ITL P50", "ms", Better.LOWER),
  ITL_P99("itl_p99_ms", "ITL P99", "ms", Better.LOWER),
  E2E("e2e_ms", "E2E", "ms", Better.LOWER),
  MOVED("kv_kb", "KV moved", "kB", Better.LOWER),
  PREDICTED_TTFT("predicted_ttft_ms", "TTFT predicted", "ms", Better.LOWER),
  PREDICTED_E2E("predicted_e2e_ms", "E2E predicted", "ms", Better.LOWER),
  ENERGY("energy_j", "energy", "J", Better.LOWER),
  STATED_ENERGY("stated_energy_j", "energy, stated", "J", Better.LOWER);

  private final String column;
  private final String title;
  private final String unit;
  private final Better better;

  Metric(String column, String title, String unit, Better better) {
    this.column = column;
    this.title = title;
    this.unit = unit;
    this.better = better;
  }

  /** Its name in files, unit included. */
  @JsonValue
  public String column() {
    return column;
  }

  /** Its name for people. */
  public String title() {
    return title;
  }

  public String unit() {
    return unit;
  }

  public Better better() {
    return better;
  }
}
