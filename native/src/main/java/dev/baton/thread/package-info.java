/**
 * How the threads of a node end: what is closed waits for them, and not for ever. Uses nothing of
 * Baton; start reading at {@link dev.baton.thread.ThreadEnd}.
 */
@NullMarked
package dev.baton.thread;

import org.jspecify.annotations.NullMarked;
