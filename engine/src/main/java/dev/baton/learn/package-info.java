/**
 * What earlier requests have shown: by what factors each node differs from the cost model ({@link
 * dev.baton.learn.Corrections}), how long answers usually are ({@link
 * dev.baton.learn.OutputLengths}), and the thread that keeps the journal and learns from it ({@link
 * dev.baton.learn.Learning}, where to start). Knows nothing of the façade.
 */
@NullMarked
package dev.baton.learn;

import org.jspecify.annotations.NullMarked;
