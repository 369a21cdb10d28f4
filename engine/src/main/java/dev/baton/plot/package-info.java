/**
 * Plots as SVG that needs nothing else: light and dark, named for screen readers. Knows nothing of
 * Baton. Start at {@link dev.baton.plot.Svg}.
 */
@NullMarked
package dev.baton.plot;

import org.jspecify.annotations.NullMarked;
