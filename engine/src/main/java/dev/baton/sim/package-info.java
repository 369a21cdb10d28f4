/**
 * What a cluster would do under a load that others saw: recorded requests ({@link
 * dev.baton.sim.Trace}) go through the planner and the cost model in simulated time ({@link
 * dev.baton.sim.Simulation}, where it says what is modelled and what is not), once for each {@link
 * dev.baton.sim.Policy}. Works with {@code dev.baton.plan} alone; nothing here asks a clock or
 * rolls dice that have no seed.
 */
@NullMarked
package dev.baton.sim;

import org.jspecify.annotations.NullMarked;
