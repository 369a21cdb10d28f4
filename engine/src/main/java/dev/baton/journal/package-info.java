/**
 * What became of each request: a node's own append-only journal. Facts alone: no prompt, no token,
 * no text. Uses nothing else of Baton; start reading at {@link dev.baton.journal.Journal}.
 */
@NullMarked
package dev.baton.journal;

import org.jspecify.annotations.NullMarked;
