/**
 * Who computes when, on a device: {@link dev.baton.schedule.Scheduler} has the thread and runs what
 * {@link dev.baton.schedule.WorkSource}s bring; {@link dev.baton.schedule.StepPolicy} decides whose
 * turn it is and for how much, without threads, clocks or models of its own.
 */
@NullMarked
package dev.baton.schedule;

import org.jspecify.annotations.NullMarked;
