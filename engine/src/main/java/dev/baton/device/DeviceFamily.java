package dev.baton.device;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which devices behave alike: whose kernels they run ({@link Vendor}), and which generation of chip
 * they are. Told from the device's name; a name that says nothing is of a vendor like any other.
 *
 * @param vendor whose it is
 * @param generation "M3", "Ada", or empty where the name says none
 */
public record DeviceFamily(Vendor vendor, String generation) {
  /** Whose software a device runs. */
  public enum Vendor {
    APPLE(0.75),
    NVIDIA(0.4),
    OTHER(0.55);

    private final double peakShare;

    Vendor(double peakShare) {
      this.peakShare = peakShare;
    }

    /** Of the peak, what multiplying large matrices usually gets. */
    double peakShare() {
      return peakShare;
    }

    /** As it stands in the names of coefficients. */
    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** As it stands in the names of coefficients: "apple.M3". */
  public String word() {
    return generation.isEmpty() ? vendor.word() : vendor.word() + "." + generation;
  }

  private record Sign(Pattern inName, String generation) {
    Sign(String inName, String generation) {
      this(Pattern.compile(inName, Pattern.CASE_INSENSITIVE), generation);
    }
  }

  private static final Pattern APPLE = Pattern.compile("\\bM(\\d)\\b", Pattern.CASE_INSENSITIVE);

  /** In this order: "RTX 6000 Ada" is no "A6000", "RTX PRO 6000 Blackwell" no "RTX 60". */
  private static final List<Sign> NVIDIA =
      List.of(
          new Sign("GB10|DGX Spark|Thor", "GB10"),
          new Sign("\\b(A100|A30|H100|H200|H20|GH200|B200|B300|GB200|GB300)\\b", "HBM"),
          new Sign("Blackwell|RTX 50[5-9]0", "Blackwell"),
          new Sign("\\bAda\\b|RTX 40[5-9]0|\\bL40S?\\b|\\bL4\\b", "Ada"),
          new Sign("RTX 30[5-9]0|\\bA(2|10|16|40|[2-6]000|[45]500)\\b|Orin", "Ampere"),
          new Sign("RTX|GTX|Tesla|Quadro|Jetson|NVIDIA|\\bV100\\b|\\bT4\\b", ""));

  /** The family of a device by its name. */
  public static DeviceFamily of(String deviceName) {
    Matcher apple = APPLE.matcher(deviceName);
    if (apple.find()) {
      return new DeviceFamily(Vendor.APPLE, "M" + apple.group(1));
    }
    Optional<Sign> sign =
        NVIDIA.stream().filter(s -> s.inName.matcher(deviceName).find()).findFirst();
    return sign.map(s -> new DeviceFamily(Vendor.NVIDIA, s.generation))
        .orElse(new DeviceFamily(Vendor.OTHER, ""));
  }
}
