/**
 * How soon a model is ready and how much memory it takes, in processes of their own. Uses the
 * product's own way to open a model; start reading at {@link dev.baton.bench.load.LoadCommand}.
 */
@NullMarked
package dev.baton.bench.load;

import org.jspecify.annotations.NullMarked;
