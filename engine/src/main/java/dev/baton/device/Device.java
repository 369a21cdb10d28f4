package dev.baton.device;

import java.util.OptionalDouble;

/**
 * A device as its data sheet has it.
 *
 * @param name as people call it; its family is told from it
 * @param fp16Tflops dense, at 16 bits, TFLOP/s
 * @param int8Tops dense, at 8 bits, where there is a figure
 * @param memoryGb what models may fill, GiB
 * @param memoryGbps its bandwidth, 10^9 bytes/s
 * @param watts drawn under load
 * @param priceUsd what it cost new
 * @param source of these figures
 */
public record Device(
    String name,
    double fp16Tflops,
    OptionalDouble int8Tops,
    double memoryGb,
    double memoryGbps,
    double watts,
    double priceUsd,
    String source) {
  private static final double GIB = 1L << 30;

  public Device {
    requirePositive(name, "FP16 TFLOP/s", fp16Tflops);
    requirePositive(name, "INT8 TOP/s", int8Tops.orElse(1));
    requirePositive(name, "memory", memoryGb);
    requirePositive(name, "bandwidth", memoryGbps);
    requirePositive(name, "power", watts);
    requirePositive(name, "price", priceUsd);
  }

  private static void requirePositive(String name, String what, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          "the " + what + " of " + name + " is a positive number, got " + value);
    }
  }

  /** The devices it resembles. */
  public DeviceFamily family() {
    return DeviceFamily.of(name);
  }

  /** Bytes of memory. */
  public long memoryBytes() {
    return (long) (memoryGb * GIB);
  }

  /** Bytes a second from memory. */
  public double bandwidth() {
    return memoryGbps * 1e9;
  }

  /**
   * FLOP a second at 16 bits. On NVIDIA's half the INT8 figure where there is one: their FP16
   * figures mix accumulation in 16 and in 32 bits, INT8 means the same everywhere.
   */
  public double flops16() {
    boolean fromInt8 = family().vendor() == DeviceFamily.Vendor.NVIDIA && int8Tops.isPresent();
    return 1e12 * (fromInt8 ? int8Tops.getAsDouble() / 2 : fp16Tflops);
  }

  static Device of(CsvTable.Row row) {
    return row.as(r ->
        new Device(
            r.text("device"),
            r.number("fp16_tflops_dense"),
            r.optional("int8_tops"),
            r.number("mem_gb"),
            r.number("mem_gbps"),
            r.number("tdp_w"),
            r.number("price_usd"),
            r.text("source")));
  }
}
