package dev.baton.calibrate;

import dev.baton.plan.LinkSpeed;
import dev.baton.plan.SpeedProfile;

/**
 * A decode node, a prefill node and the link from this to that, as measured for one model.
 *
 * @param here the decode node
 * @param there the prefill node; only its prefill was measured
 * @param link from there to here
 */
public record PairProfile(SpeedProfile here, SpeedProfile there, LinkSpeed link) {}
