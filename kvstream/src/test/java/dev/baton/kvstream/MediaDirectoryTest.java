package dev.baton.kvstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import org.junit.jupiter.api.Test;
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
