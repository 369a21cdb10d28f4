package dev.baton.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.cpu.CpuModel;
import dev.baton.kernel.ReferenceKernels;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The room for KV in memories of all sizes, with the model that Baton carries. */
class KvRoomTest {
  private static final int OWN = 1024;
  private static final int BLOCK = 64;

  private static CpuModel model;
  private static long tokenBytes;

  @BeforeAll
  static void load() {
    model = CpuModel.load(BatonProcess.TINY, new ReferenceKernels(), _ -> {});
    tokenBytes = model.kvGeometry().blockBytes() / BLOCK;
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static KvRoom room(int contextTokens, int cacheTokens, long freeTokens) {
    KvDemand demand = new KvDemand(contextTokens, cacheTokens, 1);
    KvRoom room = KvRoom.of(demand, model, freeTokens * tokenBytes, 8);
    room.pool().close();
    return room;
  }

  private static int tokens(KvRoom room) {
    return room.pool().totalBlocks() * BLOCK;
  }

  @Test
  void shouldTakeSeveralContextsWhereTheyFit() {
    assertEquals(8 * OWN, tokens(room(0, 0, 100_000)));
    assertEquals(OWN, room(0, 0, 100_000).contextTokens());
    assertEquals(1500 / BLOCK * BLOCK, tokens(room(0, 0, 1500)));
    assertNull(room(0, 0, 1500).notice());
  }

  @Test
  void shouldServeTheContextThatFitsAndSaySo() {
    KvRoom small = room(0, 0, 700);
    assertEquals(640, small.contextTokens());
    assertEquals(640, tokens(small));
    assertTrue(
        String.valueOf(small.notice())
            .startsWith("memory limits the context to 640 of the model's 1024 tokens; --ctx-size"),
        small.notice());
    assertEquals(KvRoom.LEAST_CONTEXT_TOKENS, room(0, 0, 0).contextTokens());
  }

  @Test
  void shouldServeTheContextThatIsAskedForAndSayWhatFits() {
    KvRoom asked = room(800, 0, 100_000);
    assertEquals(800, asked.contextTokens());
    assertEquals(8 * 832, tokens(asked));
    assertNull(asked.notice());
    KvRoom tooMuch = room(800, 0, 200);
    assertEquals(800, tooMuch.contextTokens());
    assertEquals(832, tokens(tooMuch));
    assertTrue(String.valueOf(tooMuch.notice()).endsWith("--ctx-size 192 fits"), tooMuch.notice());
  }

  @Test
  void shouldTakeTheCacheThatIsAskedFor() {
    assertEquals(320, tokens(room(0, 300, 0)));
    assertNull(room(0, 300, 0).notice());
  }
}
