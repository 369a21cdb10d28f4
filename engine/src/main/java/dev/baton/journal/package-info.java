/**
 * What became of each request, and what is learnt from it: a node's own append-only journal, and
 * the factors by which its outcomes correct the cost model. Facts alone: no prompt, no token, no
 * text. Uses nothing else of Baton; start reading at {@link dev.baton.journal.Journal}.
 */
@NullMarked
package dev.baton.journal;

import org.jspecify.annotations.NullMarked;
