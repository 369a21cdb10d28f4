/**
 * Random-weight models in the shapes that people run, for speed without a download. Start at {@link
 * dev.baton.bench.model.ModelCommand}.
 */
@NullMarked
package dev.baton.bench.model;

import org.jspecify.annotations.NullMarked;
