/**
 * Figures of a running node: counters, gauges and histograms that any thread records in without
 * allocating or waiting. Uses nothing of Baton; start reading at {@link dev.baton.metrics.Meters}.
 */
@NullMarked
package dev.baton.metrics;

import org.jspecify.annotations.NullMarked;
