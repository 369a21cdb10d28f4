package dev.baton.bench.process;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class ScratchFolderTest {
  /** So many that deleting them takes longer than writing one. */
  private static final int FILES = 3000;

  @TempDir private Path temp;

  @Test
  @Timeout(30)
  void shouldBeGoneThoughOthersWriteAndDeleteThereMeanwhile() throws Exception {
    Path folder = Files.createDirectories(temp.resolve("scratch").resolve("journal")).getParent();
    for (int i = 0; i < FILES; i++) {
      Files.writeString(folder.resolve("journal").resolve("old" + i), "x");
    }
    Thread writer = Thread.ofPlatform().start(() -> writeFor(folder.resolve("journal"), 300));
    while (!Files.exists(folder.resolve("journal").resolve("file0"))) {
      Thread.onSpinWait();
    }
    Thread other = Thread.ofPlatform().start(() -> ScratchFolder.delete(folder));
    ScratchFolder.delete(folder);
    writer.join();
    other.join();
    assertFalse(Files.exists(folder));
  }

  private static void writeFor(Path folder, long millis) {
    long endNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (int i = 0; System.nanoTime() < endNs; i++) {
      try {
        Files.writeString(folder.resolve("file" + i), "x");
      } catch (IOException _) {
        return;
      }
    }
  }
}
