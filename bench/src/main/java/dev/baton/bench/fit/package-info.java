/**
 * The fit of the device catalog: from published speeds to the coefficients that {@link
 * dev.baton.device.SpeedModel} predicts with, and how wrong they are where nothing was fitted.
 * Start at {@link dev.baton.bench.fit.FitCommand}.
 */
@NullMarked
package dev.baton.bench.fit;

import org.jspecify.annotations.NullMarked;
