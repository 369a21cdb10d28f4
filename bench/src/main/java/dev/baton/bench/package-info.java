/**
 * The harness: benchmarks of the kernels, the stream and the split. May use everything; nothing
 * uses it. Holds, until its benchmarks come, only the test of the rooms' arrows.
 */
@NullMarked
package dev.baton.bench;

import org.jspecify.annotations.NullMarked;
