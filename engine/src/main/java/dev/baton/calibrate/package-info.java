/**
 * Measures what the planner plans with: this node, a prefill node and the link between them, by
 * running real requests through the engine's own decode loop and KV stream.
 */
@NullMarked
package dev.baton.calibrate;

import org.jspecify.annotations.NullMarked;
