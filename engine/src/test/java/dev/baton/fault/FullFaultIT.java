package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.Report;
import dev.baton.Split;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Full caches and a full /dev/shm. */
@Timeout(120)
class FullFaultIT {
  private static final GenerateRequest LONG =
      RelayedNodes.request(RelayedNodes.WHOLE_CONTEXT, new Split.Remote());
  private static final String SHORT = "The little fox";

  @Test
  void shouldAnswerInTurnWhenTheDecodeNodeIsFull() {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).kvTokens(1024).build();
    try (Baton baton = Baton.open(config)) {
      int blocks = baton.compute().pool().totalBlocks();
      List<Generation> waiting = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        waiting.add(baton.generate(LONG.withSplit(new Split.Local())));
      }
      RelayedNodes.Answer first = RelayedNodes.answer(waiting.getFirst());
      for (Generation generation : waiting.subList(1, 4)) {
        RelayedNodes.assertSame(first, RelayedNodes.answer(generation));
        generation.close();
      }
      assertTrue(RelayedNodes.await(() -> baton.compute().pool().freeBlocks() == blocks));
    }
  }

  @Test
  void shouldSayThatARequestIsLargerThanTheWholeCache() {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).kvTokens(512).build();
    try (Baton baton = Baton.open(config)) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> baton.generate(LONG.withSplit(new Split.Local())))
              .getMessage();
      assertTrue(message.contains("do not fit the KV cache of 512: shorten"), message);
      assertEquals(baton.compute().pool().totalBlocks(), baton.compute().pool().freeBlocks());
    }
  }

  @Test
  void shouldAnswerHereWhenThePrefillNodeIsFull() {
    try (RelayedNodes nodes = RelayedNodes.open(Duration.ofSeconds(8), 51)) {
      nodes.local(LONG);
      nodes.relay.suffer(new Fault.Bandwidth(3_000_000, 4 << 20));
      try (Generation hog = nodes.baton.generate(LONG)) {
        assertTrue(RelayedNodes.await(() -> hog.prefillProgress() > 0.1));
        Report report = nodes.assertSameAnswer(RelayedNodes.request(SHORT, new Split.Remote()));
        assertTrue(
            String.valueOf(report.fallback()).contains("no room: the order needs 1 KV blocks, 0"),
            report::toString);
        RelayedNodes.Answer answer = RelayedNodes.answer(hog);
        RelayedNodes.assertSame(nodes.local(LONG), answer);
        assertNull(answer.report().fallback());
      }
      nodes.assertNothingIsLeft();
    }
  }

  /** A command that has a /dev/shm of its own, of so many MiB. */
  private static List<String> withSharedMemory(int mib) {
    String mount = "mount -t tmpfs -o size=" + mib + "m tmpfs /dev/shm";
    List<String> unshare = new ArrayList<>(List.of("unshare", "-m", "sh", "-c"));
    assumeTrue(
        succeeds(unshare, mount),
        "no right to make a mount namespace (unshare -m): a full /dev/shm cannot be made");
    unshare.add(mount + " && exec \"$@\"");
    unshare.add("sh");
    return unshare;
  }

  private static boolean succeeds(List<String> command, String last) {
    List<String> whole = new ArrayList<>(command);
    whole.add(last);
    try {
      return new ProcessBuilder(whole).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void shouldSayInOneLineThatSharedMemoryIsFull() {
    for (String[] command :
        new String[][] {
          {"node", "--model", BatonProcess.TINY.toString()},
          {"run", "--prefill", "127.0.0.1:9", "--model", BatonProcess.TINY.toString(), SHORT}
        }) {
      try (BatonProcess process = BatonProcess.start(withSharedMemory(4), Map.of(), command)) {
        process.closeInput();
        assertEquals(1, process.await(), process.err());
        String error = process.err().strip();
        assertEquals(1, error.lines().count(), error);
        assertTrue(error.startsWith("baton: /dev/shm is full: ") && error.contains("needs"), error);
      }
    }
  }

  @Test
  void shouldAnswerOrSayThatSharedMemoryIsFullAndLeaveNothingThere() {
    for (int mib : new int[] {64, 36, 20}) {
      List<String> command = new ArrayList<>(withSharedMemory(mib));
      command.removeLast();
      command.add(command.removeLast().replace("exec \"$@\"", "\"$@\"") + LISTED);
      command.add("sh");
      try (BatonProcess process =
          BatonProcess.start(
              command, Map.of(), "run", "--split", "3", "--json", "--max-tokens", "4", SHORT)) {
        process.closeInput();
        int code = process.await();
        String error = process.err();
        assertTrue(error.endsWith("left:\n"), mib + " MiB: " + error);
        if (mib == 64 || code == 0) {
          assertEquals(0, code, mib + " MiB: " + error);
          assertTrue(process.out().contains("\"fallback\":null"), process.out());
        } else {
          assertEquals(1, code, error);
          assertEquals(2, error.lines().count(), error);
          assertTrue(error.contains("/dev/shm is full: "), mib + " MiB: " + error);
        }
      }
    }
  }

  /** Also says what is in /dev/shm in the end. */
  private static final String LISTED = "; code=$?; echo left: $(ls -A /dev/shm) >&2; exit $code";

  @Test
  void shouldOutliveSharedMemoryThatFillsUpLater() throws IOException {
    BatonConfig local = BatonConfig.builder(BatonProcess.TINY).split(new Split.Local()).build();
    GenerateRequest request = RelayedNodes.request(SHORT, new Split.Remote());
    RelayedNodes.Answer wanted;
    try (Baton baton = Baton.open(local)) {
      wanted = RelayedNodes.answer(baton.generate(request.withSplit(new Split.Local())));
    }
    try (BatonProcess node =
        BatonProcess.start(
            withSharedMemory(64),
            Map.of(),
            "node",
            "--model",
            BatonProcess.TINY.toString(),
            "--lease-ms",
            "2000")) {
      BatonConfig config =
          BatonConfig.builder(BatonProcess.TINY)
              .prefill(node.awaitReady())
              .split(new Split.Remote())
              .lease(Duration.ofSeconds(2))
              .build();
      Path filler = Path.of("/proc/" + node.process().pid() + "/root/dev/shm").resolve("filler");
      try (Baton baton = Baton.open(config)) {
        fill(filler);
        // What is there is there: the streams in use are not touched by it.
        RelayedNodes.Answer given = RelayedNodes.answer(baton.generate(request));
        RelayedNodes.assertSame(wanted, given);
        assertNull(given.report().fallback());
      }
      String refusal;
      try (Baton baton = Baton.open(config)) {
        // It cannot answer, as one that is not there yet: its orders are done here.
        RelayedNodes.Answer given = RelayedNodes.answer(baton.generate(request));
        RelayedNodes.assertSame(wanted, given);
        refusal = given.report().fallback();
      }
      assertNotNull(refusal);
      assertEquals(1, refusal.lines().count(), refusal);
      System.out.println("a node whose /dev/shm is full: " + refusal);
      Files.delete(filler);
      try (Baton baton = Baton.open(config)) {
        RelayedNodes.Answer given = RelayedNodes.answer(baton.generate(request));
        RelayedNodes.assertSame(wanted, given);
        assertNull(given.report().fallback());
      }
      assertTrue(node.process().isAlive(), node.err());
    }
  }

  /** Writes until nothing more goes in. */
  private static void fill(Path file) throws IOException {
    byte[] page = new byte[4096];
    try (var out = Files.newOutputStream(file, StandardOpenOption.CREATE)) {
      while (true) {
        out.write(page);
      }
    } catch (IOException e) {
      assertTrue(String.valueOf(e.getMessage()).contains("No space"), e.toString());
    }
  }
}
