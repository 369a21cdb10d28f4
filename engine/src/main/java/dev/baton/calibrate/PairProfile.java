package dev.baton.calibrate;

import dev.baton.plan.LinkSpeed;
import dev.baton.plan.SpeedProfile;
import java.time.Instant;
import java.util.Objects;

/**
 * A decode node, a prefill node and the link from this to that, as measured for one model.
 *
 * @param measuredAt when; tells one measurement from another
 * @param coarse made in a few seconds, to be measured again when there is time
 * @param here the decode node
 * @param there the prefill node; only its prefill was measured
 * @param link from there to here
 * @param bytesPerSecondOfFour of four requests at once over that link, as f16
 */
public record PairProfile(
    Instant measuredAt,
    boolean coarse,
    SpeedProfile here,
    SpeedProfile there,
    LinkSpeed link,
    double bytesPerSecondOfFour) {
  public PairProfile {
    Objects.requireNonNull(measuredAt, "measuredAt");
    Objects.requireNonNull(here, "here");
    Objects.requireNonNull(there, "there");
    Objects.requireNonNull(link, "link");
  }
}
