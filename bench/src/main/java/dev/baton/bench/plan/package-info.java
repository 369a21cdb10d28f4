/** How long the planner takes. */
@NullMarked
package dev.baton.bench.plan;

import org.jspecify.annotations.NullMarked;
