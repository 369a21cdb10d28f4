/**
 * What the scheduler promises, measured on the product's own queue, scheduler and compute: gaps
 * beside long prompts, the wait of a tiny prompt, what a batch's step costs beyond its kernels, and
 * preemption. Start reading at {@link dev.baton.bench.schedule.ScheduleCommand}.
 */
@NullMarked
package dev.baton.bench.schedule;

import org.jspecify.annotations.NullMarked;
