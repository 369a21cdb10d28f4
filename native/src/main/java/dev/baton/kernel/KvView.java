package dev.baton.kernel;

import java.lang.foreign.MemorySegment;

/**
 * Where one sequence's KV lies: the pool's memory and the sequence's block table. The owner of the
 * sequence grows the table; kernels only read it.
 *
 * @param geometry the layout of a block
 * @param pool all blocks, block {@code i} at {@code i * geometry.blockBytes()}, 64-byte aligned
 * @param blockTable int32 block numbers, entry {@code i} for tokens [64 i, 64 i + 64)
 */
public record KvView(KvGeometry geometry, MemorySegment pool, MemorySegment blockTable) {}
