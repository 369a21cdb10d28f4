/**
 * What the split benchmark found, as rows, and what is made of them: a table in CSV, figures to
 * compare by, plots and a page. Runs nothing. Start at {@link dev.baton.bench.result.SplitResult}.
 */
@NullMarked
package dev.baton.bench.result;

import org.jspecify.annotations.NullMarked;
