package dev.baton.clusterfile;

import dev.baton.plan.SpeedProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A {@link SpeedProfile} as a JSON file: an object with a key for each of its components, all of
 * them, and no others.
 *
 * <pre>{@code
 * {"origin": "measured",
 *  "chunks": [{"tokens": 64, "layerSeconds": 0.0011}, {"tokens": 512, "layerSeconds": 0.0072}],
 *  "attentionSeconds": 2.1e-10, "outputSeconds": 0.004,
 *  "stepSeconds": 0.026, "sequenceSeconds": 0.0003, "contextSeconds": 1.5e-7,
 *  "prefillError": 0.03, "decodeError": 0.03}
 * }</pre>
 */
public final class SpeedProfileFile {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private SpeedProfileFile() {}

  /**
   * Reads a profile.
   *
   * @throws IOException if the file cannot be read
   * @throws IllegalArgumentException if it holds no profile; says why, but not which file
   */
  public static SpeedProfile read(Path file) throws IOException {
    try {
      return MAPPER.readValue(Files.readString(file), SpeedProfile.class);
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "this is no profile: " + e.getOriginalMessage().lines().findFirst().orElse(""), e);
    }
  }

  /**
   * Writes a profile, in place of what the file held.
   *
   * @throws IOException if the file cannot be written
   */
  public static void write(SpeedProfile profile, Path file) throws IOException {
    Files.writeString(
        file, MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(profile) + "\n");
  }
}
