package dev.baton.bench.micro;

import dev.baton.kernel.CpuPeaks;

/** What can bound a kernel, and how fast that is on a machine. */
enum Ceiling {
  DOTS("dotOps", "GOPS", "integer dot peak"),
  FMAS("fmaOps", "GFLOPS", "multiply-add peak"),
  READING("readBytes", "GB/s", "read bandwidth");

  private final String counter;
  private final String unit;
  private final String title;

  Ceiling(String counter, String unit, String title) {
    this.counter = counter;
    this.unit = unit;
    this.title = title;
  }

  /** The field of {@link KernelWork}, and JMH's name for its rate. */
  String counter() {
    return counter;
  }

  /** Of a rate divided by 10^9. */
  String unit() {
    return unit;
  }

  /** For a reader. */
  String title() {
    return title;
  }

  /** JMH's name for the peak of the neighbouring measurements. */
  String peakLabel() {
    return counter + ".peak";
  }

  /** JMH's name for the share of the peak. */
  String shareLabel() {
    return counter + ".share";
  }

  double of(CpuPeaks peaks) {
    return switch (this) {
      case DOTS -> peaks.dotOpsPerSecond();
      case FMAS -> peaks.fmaOpsPerSecond();
      case READING -> peaks.readBytesPerSecond();
    };
  }
}
