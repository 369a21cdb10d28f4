/**
 * Whose turn it is on a device, and for how much: policy alone, without threads, clocks or models
 * of its own, for whoever computes prompts or answers. Uses no other package; start reading at
 * {@link dev.baton.schedule.Turns} and {@link dev.baton.schedule.StepBudget}.
 */
@NullMarked
package dev.baton.schedule;

import org.jspecify.annotations.NullMarked;
