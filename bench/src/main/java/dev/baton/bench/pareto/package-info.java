/**
 * What models give for what they take: how well they predict a text beside speed, memory, energy
 * and price. Start at {@link dev.baton.bench.pareto.ParetoCommand}.
 */
@NullMarked
package dev.baton.bench.pareto;

import org.jspecify.annotations.NullMarked;
