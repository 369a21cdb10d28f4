/**
 * JMH benchmarks of the parts that time goes to, and how they are run. Each proves its result right
 * before it is timed and says in its comment what is inside the window. Start at {@link
 * dev.baton.bench.micro.MicroCommand}.
 */
@NullMarked
package dev.baton.bench.micro;

import org.jspecify.annotations.NullMarked;
