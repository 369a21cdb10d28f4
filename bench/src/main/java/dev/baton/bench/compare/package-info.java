/**
 * Two results of one benchmark set side by side: what changed beyond the noise. Start at {@link
 * dev.baton.bench.compare.FigureChange}.
 */
@NullMarked
package dev.baton.bench.compare;

import org.jspecify.annotations.NullMarked;
