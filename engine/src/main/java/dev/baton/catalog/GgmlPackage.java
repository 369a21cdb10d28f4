package dev.baton.catalog;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A build of the ggml library for one kind of accelerator and machine, as an npm package carries
 * it.
 *
 * @param name what users call it; the same for every machine
 * @param platform {@code linux-x64} and so on
 * @param packageName npm's name
 * @param version npm's version
 * @param integrity SHA-512 of the package, base64
 * @param sizeBytes of the package
 */
public record GgmlPackage(
    String name,
    String platform,
    String packageName,
    String version,
    String integrity,
    long sizeBytes) {
  private static final String VERSION = "3.22.1";
  private static final String METAL_VERSION = "3.21.1";

  /** What npm is asked for. */
  String spec() {
    return packageName + "@" + version;
  }

  /** All that can be named. */
  public static List<GgmlPackage> all() {
    return List.of(
        of(
            "ggml",
            "linux-x64",
            "linux-x64",
            "5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==",
            10_824_547),
        of(
            "ggml",
            "linux-arm64",
            "linux-arm64",
            "W+7naKCXX9/eEjjFmRS8vvx91QyLXDbeFxexZc3bh/PtQABZgmRL3C0AtYYXn4YGTj/3Qor4lWZn2tpjZFPLdQ==",
            7_340_902),
        of(
            "ggml-vulkan",
            "linux-x64",
            "linux-x64-vulkan",
            "bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg==",
            24_311_427),
        of(
            "ggml-cuda",
            "linux-x64",
            "linux-x64-cuda",
            "8rQCjyNNLZJUFit+YpjwlC4hwkKgOMIkB2wuycKBf8NU2O3ySKbiWZQ8aw9ku2nUTXjSnUIrE6KB88itduTBuA==",
            142_898_030),
        new GgmlPackage(
            "ggml-metal",
            "mac-arm64",
            "@node-llama-cpp/mac-arm64-metal",
            METAL_VERSION,
            "6MIDAZV7DXD9R1+jEXWJkFuolni3GATGE6mmuyFYc6ZmtOh9djAy15df0T0AXK3sCmVKL+fQcOAWZezxx4MvQQ==",
            4_858_447));
  }

  private static GgmlPackage of(
      String name, String platform, String packageName, String integrity, long sizeBytes) {
    return new GgmlPackage(
        name, platform, "@node-llama-cpp/" + packageName, VERSION, integrity, sizeBytes);
  }

  /** True for the name of any of them. */
  public static boolean isName(String name) {
    return all().stream().anyMatch(one -> one.name().equals(name));
  }

  /**
   * The one for a machine.
   *
   * @throws CatalogException when there is none, with what can be done
   */
  public static GgmlPackage find(String name, String osName, String osArch) {
    String platform = platform(osName, osArch);
    Optional<GgmlPackage> found =
        all().stream()
            .filter(one -> one.name().equals(name) && one.platform().equals(platform))
            .findFirst();
    if (found.isPresent()) {
      return found.get();
    }
    List<String> others =
        all().stream()
            .filter(one -> one.platform().equals(platform))
            .map(GgmlPackage::name)
            .toList();
    throw new CatalogException(
        "there is no package "
            + name
            + " for "
            + platform
            + (others.isEmpty() ? "" : ", only " + String.join(" and ", others))
            + "; build ggml there or install it (brew install ggml) and set BATON_GGML_HOME to its"
            + " libraries");
  }

  private static String platform(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT);
    boolean arm = osArch.equals("aarch64") || osArch.equals("arm64");
    return (os.startsWith("mac") ? "mac" : os.startsWith("linux") ? "linux" : os)
        + "-"
        + (arm ? "arm64" : osArch.equals("amd64") || osArch.equals("x86_64") ? "x64" : osArch);
  }
}
