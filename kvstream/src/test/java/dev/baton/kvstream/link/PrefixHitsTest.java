package dev.baton.kvstream.link;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.Fidelity;
import dev.baton.kvstream.KvSender;
import dev.baton.kvstream.NodeIdentity;
import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.Positions;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.PrefillService;
import dev.baton.kvstream.PrefixChain;
import dev.baton.kvstream.PrefixHits;
import dev.baton.kvstream.PrefixQuery;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.message.ControlWriter;
import dev.baton.kvstream.message.Frame;
import dev.baton.kvstream.message.PrefixReader;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What two nodes hold of a prompt, and from where they go on. */
@Timeout(60)
class PrefixHitsTest {
  private static final NodeIdentity NODE = Nodes.node(Nodes.ALL_KINDS, 4096);

  /** Holds 192 tokens: rows anywhere, layers with fixed states and windows at snapshots. */
  private static final class Holding implements PrefillService {
    private final byte[] chain;

    Holding(byte[] chain) {
      this.chain = chain;
    }

    @Override
    public @Nullable String accept(PrefillOrder order, KvSender sender) {
      return "not here";
    }

    @Override
    public Standing standing(PrefixQuery query) {
      int common = Math.min(chain.length, query.chain().length);
      int mismatch = Arrays.mismatch(chain, 0, common, query.chain(), 0, common);
      int blocks = (mismatch < 0 ? common : mismatch) / PrefixChain.HASH_BYTES;
      int tokens = blocks * PrefixChain.BLOCK_TOKENS;
      Positions snapshots =
          new Positions(0, List.of(64, 150, 192).stream().filter(at -> at <= tokens).toList());
      return new Standing(
          List.of(
              new PrefixHits.Held(0, 1, Positions.upTo(tokens)),
              new PrefixHits.Held(1, 2, snapshots),
              new PrefixHits.Held(2, 3, Positions.upTo(tokens)),
              new PrefixHits.Held(3, 6, snapshots)),
          1234,
          640);
    }

    @Override
    public void released(long sessionId) {}
  }

  @Test
  void shouldAskInOneRoundTripAndChooseAPositionThatBothHave() throws Exception {
    int[] tokens = Nodes.prompt(300);
    byte[] chain = PrefixChain.of(new Prompt(Arrays.copyOf(tokens, 192), 0));
    try (StreamNode holding =
            StreamNode.launch(
                StreamConfig.builder().listen("127.0.0.1:0").build(), NODE, new Holding(chain));
        StreamNode asking = StreamNode.launch(StreamConfig.builder().build(), NODE, null);
        PrefillPeer peer = asking.connect(holding.endpoint())) {
      PrefixQuery query = PrefixQuery.of(new Prompt(tokens, 0), 0, 6);
      PrefixHits hits = peer.ask(query).get(10, TimeUnit.SECONDS);
      assertEquals(1234, hits.queueMs());
      assertEquals(640, hits.freeTokens());
      assertEquals(Fidelity.EXACT, hits.fidelity());
      assertEquals(NODE.capabilities(), hits.capabilities());
      assertEquals(Positions.upTo(192), hits.positions(0, 1));
      assertEquals(new Positions(0, List.of(64, 150, 192)), hits.positions(0, 4));
      // Here everything is held up to 170: 150 is the last one that both can go on from.
      Positions here = new Positions(0, List.of(64, 100, 150, 170));
      assertEquals(150, hits.positions(0, 4).and(here).last(299));
      assertEquals(170, hits.positions(0, 1).and(here).last(299), "rows can be cut anywhere");
      assertEquals(64, hits.positions(0, 4).and(here).last(149));
      PrefixHits other =
          peer.ask(PrefixQuery.of(new Prompt(Nodes.prompt(299), 0), 0, 6))
              .get(10, TimeUnit.SECONDS);
      assertEquals(0, other.positions(0, 6).last(298), "another prompt");
    }
  }

  @Test
  void shouldTellTheLastSnapshotsWhereNotAllFitIntoAMessage() {
    List<Integer> many = IntStream.range(0, 5000).mapToObj(i -> 64 * i).toList();
    List<PrefixHits.Held> held =
        List.of(
            new PrefixHits.Held(0, 1, Positions.upTo(640)),
            new PrefixHits.Held(1, 6, new Positions(0, many)));
    ControlWriter writer = new ControlWriter();
    int length = writer.prefixHits(7, new PrefillService.Standing(held, 1, 2), NODE);
    assertTrue(length <= 16 << 10, length + " bytes");
    Frame frame = new Frame().wrap(writer.buffer(), 0, length);
    PrefixHits hits = new PrefixReader().hits(frame, writer.buffer());
    assertEquals(Positions.upTo(640), hits.positions(0, 1));
    assertEquals(64 * 4999, hits.positions(1, 6).last(Integer.MAX_VALUE));
    assertEquals(1024 - 2, hits.positions(1, 6).snapshots().size());
  }

  @Test
  void shouldFailAQueryOfANodeThatIsLost() {
    try (PatternPrefill pattern = new PatternPrefill(NODE);
        StreamNode holding =
            StreamNode.launch(StreamConfig.builder().listen("127.0.0.1:0").build(), NODE, pattern);
        StreamNode asking = StreamNode.launch(StreamConfig.builder().build(), NODE, null);
        PrefillPeer peer = asking.connect(holding.endpoint())) {
      peer.markLost("its process has ended");
      PrefixQuery query = PrefixQuery.of(new Prompt(Nodes.prompt(100), 0), 0, 6);
      ExecutionException lost =
          assertThrows(ExecutionException.class, () -> peer.ask(query).get(10, TimeUnit.SECONDS));
      assertEquals("its process has ended", lost.getCause().getMessage());
    }
  }

  @Test
  void shouldNamePrefixesByAllThatTheirStateDependsOn() {
    int[] tokens = Nodes.prompt(200);
    byte[] plain = PrefixChain.of(new Prompt(tokens, 0));
    assertEquals(3 * PrefixChain.HASH_BYTES, plain.length);
    int[] changed = tokens.clone();
    changed[70]++;
    byte[] other = PrefixChain.of(new Prompt(changed, 0));
    assertArrayEquals(Arrays.copyOf(plain, 16), Arrays.copyOf(other, 16));
    assertFalse(Arrays.equals(plain, 16, 32, other, 16, 32));
    assertFalse(Arrays.equals(plain, 32, 48, other, 32, 48), "a hash covers all before it");
    List<Prompt.Given> run = List.of(new Prompt.Given(60, 10, new byte[32]));
    byte[] image = new byte[32];
    image[0] = 1;
    List<Prompt.Given> otherRun = List.of(new Prompt.Given(60, 10, image));
    int[] none = new int[0];
    List<Prompt> unlike =
        List.of(
            new Prompt(tokens, 0),
            new Prompt(tokens, 0, List.of(), none, new byte[] {1}, ""),
            new Prompt(tokens, 0, List.of(), none, new byte[0], "a"),
            new Prompt(tokens, 0, run, none, new byte[0], ""),
            new Prompt(tokens, 0, otherRun, none, new byte[0], ""),
            new Prompt(tokens, 0, List.of(), Nodes.prompt(600), new byte[0], ""));
    assertEquals(
        unlike.size(),
        unlike.stream()
            .map(prompt -> Arrays.toString(Arrays.copyOf(PrefixChain.of(prompt), 16)))
            .distinct()
            .count());
    assertTrue(
        Arrays.equals(plain, PrefixChain.of(new Prompt(tokens, 100))),
        "what is there already is no part of the name");
  }

  @Test
  void shouldNameThemByTheSameBytesInEveryRelease() {
    int[] tokens = IntStream.range(0, 200).map(i -> i * 37 % 1000).toArray();
    assertEquals(
        "bd4a6bc2b837c7547e8b967c65a52abca6cb9384ae83f235c3ca37fa9e28778a"
            + "dc33d20e9f7cffa257e4f985ff207f6f",
        HexFormat.of().formatHex(PrefixChain.of(new Prompt(tokens, 0))));
    int[] positions = IntStream.range(0, 600).map(i -> i / 3).toArray();
    byte[] image = new byte[32];
    image[5] = 9;
    List<Prompt.Given> runs =
        List.of(new Prompt.Given(3, 10, image), new Prompt.Given(60, 80, image));
    Prompt rich = new Prompt(tokens, 0, runs, positions, new byte[] {1, 2, 3}, "ad");
    assertEquals(
        "3e64b45e57fdc0567d38ddeebdfd2c752a7d0fa152b09b2e343cb888bbe6494e"
            + "224d88b5e4527ac8c070e581685ab13b",
        HexFormat.of().formatHex(PrefixChain.of(rich)));
  }

  @Test
  void shouldGoOnWithTheAnswersTokens() {
    int[] tokens = Nodes.prompt(260);
    byte[] whole = PrefixChain.of(new Prompt(tokens, 0));
    for (int length : new int[] {1, 63, 64, 65, 200, 260}) {
      PrefixChain chain = new PrefixChain(new Prompt(Arrays.copyOf(tokens, length), 0), 260);
      assertArrayEquals(Arrays.copyOf(whole, length / 64 * 16), chain.hashes(length / 64));
      for (int i = length; i < 260; i++) {
        assertEquals(i % 64 == 63, chain.add(tokens[i]));
        assertEquals((i + 1) / 64, chain.blocks());
      }
      assertEquals(260, chain.tokens());
      assertArrayEquals(whole, chain.array());
      assertThrows(IllegalArgumentException.class, () -> chain.hashes(5));
    }
    assertThrows(IllegalArgumentException.class, () -> new PrefixChain(new Prompt(tokens, 0), 259));
  }
}
