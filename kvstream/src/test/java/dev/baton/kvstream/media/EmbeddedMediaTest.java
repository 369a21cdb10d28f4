package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.PatternPrefill;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.PrefillPeer;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.kvstream.media.EmbeddedMedia.Terms;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedMediaTest {
  private static final int MIB = 1 << 20;
  private static final StreamConfig CONFIG = StreamConfig.builder().build();

  @Test
  void shouldTakeShorterTermsWhereThereIsLittleRoom() {
    assertEquals(4 * MIB, Terms.fitting(MIB, 4 * MIB, 1L << 30).kvBytes());
    assertEquals(2 * MIB, Terms.fitting(MIB / 2, 4 * MIB, 52L * MIB).kvBytes());
    assertEquals(MIB, Terms.fitting(MIB, 4 * MIB, 0).kvBytes());
    assertEquals(MIB / 2, Terms.fitting(MIB, MIB / 2, 0).kvBytes(), "no longer than asked for");
  }

  @Test
  void shouldFitTwoNodesWithLongOrdersIntoWhatDockerGives() {
    long free = 64L * MIB;
    int orderBytes = ControlTerm.of(CONFIG, 65_536).bytes();
    // The second one starts when the first one's driver is there.
    long left = free - StreamTransport.DRIVER_BYTES;
    assertTrue(Terms.fitting(orderBytes, 4 * MIB, left).nodeBytes(2) <= left);
  }

  @Test
  void shouldTakeWhatItCountsOnAndAllOfItAtOnce(@TempDir Path parent) throws Exception {
    Terms terms = Terms.fitting(ControlTerm.of(CONFIG, 4096).bytes(), MIB, 0);
    StreamConfig config =
        StreamConfig.builder().directoryParent(parent).kvTermBytes(terms.kvBytes()).build();
    StreamConfig listening =
        StreamConfig.builder()
            .directoryParent(parent)
            .kvTermBytes(terms.kvBytes())
            .listen("127.0.0.1:0")
            .build();
    try (StreamNode prefill =
            StreamNode.launch(listening, Nodes.node(), new PatternPrefill(Nodes.node()));
        StreamNode decode = StreamNode.launch(config, Nodes.node(), null);
        PrefillPeer peer = decode.connect(prefill.endpoint())) {
      assertTrue(peer.isAlive());
      long counted = 2 * terms.nodeBytes(1);
      // The KV stream opens behind the proof, a moment after the peer is there.
      assertTrue(
          Nodes.await(() -> length(parent) > 0.95 * counted, 10_000),
          () -> length(parent) + " of " + counted);
      for (Path file : files(parent)) {
        if (Files.size(file) > 0) {
          assertTrue(allocated(file) >= Files.size(file), () -> file + " is sparse");
        }
      }
      assertTrue(length(parent) <= counted, () -> length(parent) + " of " + counted);
    }
  }

  private static List<Path> files(Path parent) {
    try (Stream<Path> all = Files.walk(parent)) {
      return all.filter(Files::isRegularFile).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static long length(Path parent) {
    return files(parent).stream().mapToLong(file -> file.toFile().length()).sum();
  }

  /** Bytes on the disk. */
  private static long allocated(Path file) throws Exception {
    Process stat = new ProcessBuilder("stat", "-c", "%b %B", file.toString()).start();
    String[] words =
        new String(stat.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip().split(" ");
    return Long.parseLong(words[0]) * Long.parseLong(words[1]);
  }
}
