package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.kvstream.Nodes;
import dev.baton.kvstream.StreamException;
import dev.baton.kvstream.link.PrefillProcess;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class MediaDirectoryTest {
  @Test
  void shouldRemoveFoldersWithoutALivingOwnerAndNothingElse(@TempDir Path parent) throws Exception {
    Path dead = parent.resolve("baton-4194305-1");
    Files.createDirectories(dead.resolve("aeron/publications"));
    Files.createFile(dead.resolve("lock"));
    Files.writeString(dead.resolve("aeron/publications/1.logbuffer"), "x");
    Path unlocked = Files.createDirectory(parent.resolve("baton-4194305-2"));
    Files.setLastModifiedTime(unlocked, FileTime.from(Instant.now().minusSeconds(60)));
    Path young = Files.createDirectory(parent.resolve("baton-4194305-3"));
    Path other = Files.createDirectory(parent.resolve("baton-cache-1"));
    try (MediaDirectory first = MediaDirectory.create(parent);
        MediaDirectory second = MediaDirectory.create(parent)) {
      assertFalse(Files.exists(dead));
      assertFalse(Files.exists(unlocked));
      assertTrue(Files.exists(young), "may be just being made");
      assertTrue(Files.exists(other));
      assertTrue(Files.exists(first.driver().resolveSibling("lock")), "this process's own stay");
      assertTrue(Files.exists(second.driver().resolveSibling("lock")));
    }
    assertEquals(1, Nodes.folders(parent).stream().filter(it -> !it.equals(other)).count());
  }

  @Test
  @Timeout(60)
  void shouldKeepItsFolderWhereOthersStartAtTheSameMoment(@TempDir Path parent) throws Exception {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(
          new ProcessBuilder(
                  PrefillProcess.java(
                      List.of(), Starting.class.getName(), List.of(parent.toString())))
              .redirectErrorStream(true)
              .start());
    }
    for (Process process : processes) {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), said);
    }
  }

  /** Makes its folder, looks whether it is there, and removes it, many times. */
  static final class Starting {
    private Starting() {}

    public static void main(String[] args) {
      for (int i = 0; i < 1500; i++) {
        try (MediaDirectory directory = MediaDirectory.create(Path.of(args[0]))) {
          if (!Files.exists(directory.driver().resolveSibling("lock"))) {
            throw new IllegalStateException("removed by another, at the start number " + i);
          }
        }
      }
    }
  }

  @Test
  @Timeout(60)
  void shouldStartFromSeveralThreadsWhereManyDeadProcessesWere(@TempDir Path parent)
      throws Exception {
    for (int i = 0; i < 300; i++) {
      Path dead = Files.createDirectory(parent.resolve("baton-4194305-" + i));
      Files.createFile(dead.resolve("lock"));
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<?>> starts = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        starts.add(threads.submit(() -> MediaDirectory.create(parent).close()));
      }
      for (Future<?> start : starts) {
        start.get();
      }
    }
    assertEquals(List.of(), Nodes.folders(parent));
  }

  @Test
  @Timeout(60)
  void shouldCloseWhereItsFilesVanishAtTheSameMoment(@TempDir Path parent) throws Exception {
    for (int round = 0; round < 10; round++) {
      MediaDirectory directory = MediaDirectory.create(parent);
      Path files = Files.createDirectory(directory.driver());
      for (int i = 0; i < 500; i++) {
        Files.createFile(files.resolve("file-" + i));
      }
      Thread other =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 500; i++) {
                  boolean _ = files.resolve("file-" + i).toFile().delete();
                }
              });
      directory.close();
      other.join();
    }
    assertEquals(List.of(), Nodes.folders(parent));
  }

  @Test
  void shouldCloseTwiceAndWhereTheFolderIsGone(@TempDir Path parent) throws Exception {
    MediaDirectory directory = MediaDirectory.create(parent);
    Path folder = parent.resolve(directory.driver().getParent().getFileName());
    Files.delete(folder.resolve("lock"));
    Files.delete(folder);
    directory.close();
    directory.close();
    assertEquals(List.of(), Nodes.folders(parent));
  }

  @Test
  @Timeout(10)
  void shouldLeaveAloneWhatOnlyLooksLikeAFolderOfItsOwn(@TempDir Path parent) throws Exception {
    Path trap = Files.createDirectory(parent.resolve("baton-1-1"));
    assertEquals(
        0, new ProcessBuilder("mkfifo", trap.resolve("lock").toString()).start().waitFor());
    Path elsewhere = Files.createDirectory(parent.resolve("elsewhere"));
    Path kept = Files.writeString(elsewhere.resolve("kept"), "x");
    Files.createFile(elsewhere.resolve("lock"));
    Path link = Files.createSymbolicLink(parent.resolve("baton-1-2"), elsewhere);
    Path target = Files.writeString(elsewhere.resolve("target"), "x");
    Path linked = Files.createDirectory(parent.resolve("baton-1-3"));
    Files.createSymbolicLink(linked.resolve("lock"), target);
    Path file = Files.writeString(parent.resolve("baton-1-4"), "x");
    try (MediaDirectory directory = MediaDirectory.create(parent)) {
      assertTrue(Files.exists(directory.driver().resolveSibling("lock")));
    }
    for (Path path : List.of(trap, kept, link, target, file)) {
      assertTrue(Files.exists(path), path::toString);
    }
  }

  @Test
  void shouldLeaveAloneWhatAnotherUserOwns(@TempDir Path parent) throws Exception {
    Path other = Files.createDirectory(parent.resolve("baton-1-1"));
    Files.createFile(other.resolve("lock"));
    try {
      Files.setOwner(
          other,
          parent.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("nobody"));
    } catch (FileSystemException e) {
      assumeTrue(false, "no right to give a folder away: " + e);
    }
    MediaDirectory.create(parent).close();
    assertTrue(Files.exists(other));
  }

  @Test
  void shouldTakeAnotherNameWhereSomebodyHasTakenIt(@TempDir Path parent) throws Exception {
    String process = "baton-" + ProcessHandle.current().pid() + "-";
    for (int i = 1; i <= 300; i++) {
      Files.createSymbolicLink(parent.resolve(process + i), parent.resolve("nowhere"));
    }
    try (MediaDirectory directory = MediaDirectory.create(parent)) {
      assertTrue(Files.exists(directory.driver().resolveSibling("lock")));
    }
    assertFalse(Files.exists(parent.resolve("nowhere")));
  }

  @Test
  void shouldLetNobodyElseRead(@TempDir Path parent) throws Exception {
    try (MediaDirectory directory = MediaDirectory.create(parent)) {
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(
              Files.getPosixFilePermissions(directory.driver().resolveSibling("."))));
    }
  }

  @Test
  void shouldSayWhereItCannotWrite(@TempDir Path parent) {
    StreamException missing =
        assertThrows(StreamException.class, () -> MediaDirectory.create(parent.resolve("nothing")));
    assertTrue(String.valueOf(missing.getMessage()).contains("nothing"), missing::getMessage);
  }
}
