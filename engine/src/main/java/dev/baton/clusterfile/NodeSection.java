package dev.baton.clusterfile;

import dev.baton.device.Device;
import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.Correction;
import dev.baton.plan.SpeedProfile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A {@code [[node]]} of a {@link ClusterFile}. */
final class NodeSection {
  private static final Set<String> KEYS =
      Set.of(
          "name",
          "device",
          "profile",
          "prefill-tokens-per-second",
          "decode-ms",
          "at-prompt-tokens",
          "at-chunk-tokens",
          "role",
          "watts",
          "usd-per-hour",
          "queue-seconds");

  /** Figures of one model on one machine differ by so much between those who took them. */
  private static final double FIGURE_ERROR = 0.03;

  /** The prompt that figures hold for where the file does not say: the field's usual benchmark. */
  private static final int USUAL_PROMPT_TOKENS = 512;

  /**
   * The chunk that figures were taken with where the file does not say: the usual one of today's
   * engines, and what the catalog's fit takes for published rates. Small chunks cost, so that it
   * makes a difference.
   */
  private static final int USUAL_CHUNK_TOKENS = 2048;

  /** A machine is paid off in three years of work around the clock. */
  private static final double PAID_OFF_HOURS = 3 * 365 * 24;

  private static final int MOST_TOKENS = 1 << 24;

  private final TomlSection section;
  private final String name;
  private final @Nullable Device device;
  private final boolean prefills;
  private final boolean decodes;

  NodeSection(TomlSection section, DeviceCatalog catalog) {
    section.allowOnly(KEYS);
    this.section = section;
    this.name =
        section.text("name").orElseThrow(() -> section.wrong("name", "every node needs one"));
    this.device = section.text("device").map(asked -> device(catalog, asked)).orElse(null);
    String role = section.text("role").orElse("both");
    if (!Set.of("prefill", "decode", "both").contains(role)) {
      throw wrong("role", "this is prefill, decode or both, got '" + role + "'");
    }
    this.prefills = !role.equals("decode");
    this.decodes = !role.equals("prefill");
  }

  private Device device(DeviceCatalog catalog, String asked) {
    try {
      return catalog.device(asked);
    } catch (IllegalArgumentException e) {
      throw wrong("device", e.getMessage());
    }
  }

  String name() {
    return name;
  }

  boolean decodes() {
    return decodes;
  }

  /** Bytes of the node's memory; without limit where its device is not known. */
  long memoryBytes() {
    return device == null ? Long.MAX_VALUE : device.memoryBytes();
  }

  /** Whether energy and price of its work can be told. */
  boolean hasCosts() {
    return device != null || (section.has("watts") && section.has("usd-per-hour"));
  }

  /** A complaint about one of its keys. */
  IllegalArgumentException wrong(String key, @Nullable String what) {
    return section.wrong(key, what + " (node '" + name + "')");
  }

  /**
   * The node with its speed.
   *
   * @param folder where a profile's name starts from
   */
  ClusterNode node(ModelArchitecture model, DeviceCatalog catalog, Path folder) {
    double watts = section.notNegative("watts").orElse(device == null ? 0 : device.watts());
    double hourly = device == null ? 0 : device.priceUsd() / PAID_OFF_HOURS;
    return new ClusterNode(
        name,
        speed(model, catalog, folder),
        prefills,
        decodes,
        section.notNegative("queue-seconds").orElse(0),
        Correction.NONE,
        watts,
        watts,
        section.notNegative("usd-per-hour").orElse(hourly));
  }

  private SpeedProfile speed(ModelArchitecture model, DeviceCatalog catalog, Path folder) {
    OptionalDouble prefillRate = section.positive("prefill-tokens-per-second");
    OptionalDouble decodeMs = section.positive("decode-ms");
    int promptTokens = tokens("at-prompt-tokens", USUAL_PROMPT_TOKENS);
    int chunkTokens = tokens("at-chunk-tokens", USUAL_CHUNK_TOKENS);
    boolean figures = prefillRate.isPresent() || decodeMs.isPresent();
    for (String key : List.of("at-prompt-tokens", "at-chunk-tokens")) {
      if (section.has(key) && !figures) {
        throw wrong(
            key,
            "it says what prefill-tokens-per-second and decode-ms hold for, and neither is there");
      }
    }
    if (section.has("profile")) {
      if (figures) {
        throw wrong(
            "profile",
            "it has all speeds; leave out prefill-tokens-per-second and"
                + " decode-ms, or leave out the profile");
      }
      return profile(folder.resolve(section.text("profile").orElseThrow()));
    }
    if (device == null) {
      throw wrong("device", "a node needs a device of the catalog, or a profile");
    }
    SpeedProfile speed = catalog.profile(device, model);
    if (!figures) {
      return speed;
    }
    int layers = model.layers();
    double inOneChunk = prefillSeconds(speed, layers, promptTokens, promptTokens);
    double share = inOneChunk / prefillSeconds(speed, layers, promptTokens, chunkTokens);
    SpeedProfile scaled =
        speed.refined(
            layers,
            promptTokens,
            prefillRate.isPresent() ? promptTokens / prefillRate.getAsDouble() * share : inOneChunk,
            promptTokens,
            decodeMs.isPresent()
                ? decodeMs.getAsDouble() / 1e3
                : speed.decodeStepSeconds(1, promptTokens));
    return new SpeedProfile(
        speed.origin() + ", scaled to the file's figures",
        scaled.chunks(),
        scaled.attentionSeconds(),
        scaled.outputSeconds(),
        scaled.stepSeconds(),
        scaled.sequenceSeconds(),
        scaled.contextSeconds(),
        prefillRate.isPresent() ? FIGURE_ERROR : speed.prefillError(),
        decodeMs.isPresent() ? FIGURE_ERROR : speed.decodeError());
  }

  private int tokens(String key, int usual) {
    double tokens = section.positive(key).orElse(usual);
    if (tokens != Math.rint(tokens) || tokens > MOST_TOKENS) {
      throw wrong(key, "this is a whole number up to " + MOST_TOKENS);
    }
    return (int) tokens;
  }

  private static double prefillSeconds(
      SpeedProfile speed, int layers, int promptTokens, int chunkTokens) {
    double seconds = speed.outputSeconds();
    for (int from = 0; from < promptTokens; from += chunkTokens) {
      int tokens = Math.min(chunkTokens, promptTokens - from);
      seconds += layers * speed.chunkLayerSeconds(tokens, from);
    }
    return seconds;
  }

  private SpeedProfile profile(Path file) {
    try {
      return SpeedProfileFile.read(file);
    } catch (IOException e) {
      throw wrong("profile", "cannot read " + file + ", " + ClusterFile.reason(e));
    } catch (IllegalArgumentException e) {
      throw wrong("profile", file + ": " + e.getMessage());
    }
  }

  static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }
}
