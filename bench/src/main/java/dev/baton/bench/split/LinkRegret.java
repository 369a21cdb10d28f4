package dev.baton.bench.split;

import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * A grid of shapes over one link.
 *
 * @param megabitsPerSecond the link's rate
 * @param nodes what the pair is
 * @param profile what the planner measured of it
 * @param shapes in the order to be read
 */
record LinkRegret(
    int megabitsPerSecond, PairCommand.Facts nodes, JsonNode profile, List<ShapeRegret> shapes) {}
