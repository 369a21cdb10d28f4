/**
 * Where a request is computed: what nodes and links cost ({@link dev.baton.plan.SpeedProfile},
 * {@link dev.baton.plan.LinkSpeed}), and the choice that follows from it. Pure: nothing here asks a
 * clock, a node or a file, so the same input gives the same plan.
 */
@NullMarked
package dev.baton.plan;

import org.jspecify.annotations.NullMarked;
