/**
 * The harness: benchmarks of the kernels, the stream and the split. May use everything; nothing
 * uses it. Start at {@link dev.baton.bench.BenchCli}.
 */
@NullMarked
package dev.baton.bench;

import org.jspecify.annotations.NullMarked;
