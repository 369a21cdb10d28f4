package dev.baton.bench.pareto;

/**
 * What work costs: its share of the device's price, which is written off over three years, and its
 * electricity.
 *
 * @param deviceUsd the device's price
 * @param usdPerKwh of electricity
 */
record Cost(double deviceUsd, double usdPerKwh) {
  static final double LIFE_SECONDS = 3 * 365.25 * 24 * 3600;
  private static final double JOULES_PER_KWH = 3.6e6;

  double usd(double seconds, double joules) {
    return seconds / LIFE_SECONDS * deviceUsd + joules / JOULES_PER_KWH * usdPerKwh;
  }
}
