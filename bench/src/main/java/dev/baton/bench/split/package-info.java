/**
 * How good the planner's choices are: requests that really run on two unlike nodes over a shaped
 * link, cut by the planner and in every other way. May use every room. {@link
 * dev.baton.bench.split.UnlikePair} runs a request; start at {@link
 * dev.baton.bench.split.RegretCommand}.
 */
@NullMarked
package dev.baton.bench.split;

import org.jspecify.annotations.NullMarked;
