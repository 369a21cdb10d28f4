/**
 * What a benchmark found, as figures with their spread and bars, and how it is shown. Start at
 * {@link dev.baton.bench.report.PartReport}.
 */
@NullMarked
package dev.baton.bench.report;

import org.jspecify.annotations.NullMarked;
