/**
 * The threads of a node: work beside other work, and an end that waits for them, but not for ever.
 * Uses nothing of Baton; start reading at {@link dev.baton.thread.ThreadEnd}.
 */
@NullMarked
package dev.baton.thread;

import org.jspecify.annotations.NullMarked;
