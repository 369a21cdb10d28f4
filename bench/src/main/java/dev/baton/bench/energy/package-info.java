/**
 * What energy a piece of work took: the processor's counters, what a program or a card tells, or
 * what was stated. Start at {@link dev.baton.bench.energy.EnergyMeter}.
 */
@NullMarked
package dev.baton.bench.energy;

import org.jspecify.annotations.NullMarked;
