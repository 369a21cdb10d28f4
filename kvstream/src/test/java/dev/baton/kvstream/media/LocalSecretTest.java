package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalSecretTest {
  @TempDir Path folder;

  private Path file() throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.findFirst().orElseThrow();
    }
  }

  @Test
  void shouldBeTheSameForAllNodesOfAUserAndForTheirOwnerAlone() throws IOException {
    byte[] first = LocalSecret.in(folder, 16);
    assertEquals(16, first.length);
    assertArrayEquals(first, LocalSecret.in(folder, 16));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file())));
  }

  @Test
  void shouldNotBeTakenFromAFileThatOthersCouldReadOrALinkOrASpoiledOne() throws IOException {
    byte[] first = LocalSecret.in(folder, 16);
    Path file = file();
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    assertFalse(Arrays.equals(first, LocalSecret.in(folder, 16)));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    assertArrayEquals(first, LocalSecret.in(folder, 16));
    Path elsewhere = folder.resolve("elsewhere");
    Files.move(file, elsewhere);
    Files.createSymbolicLink(file, elsewhere);
    assertFalse(Arrays.equals(first, LocalSecret.in(folder, 16)));
    Files.delete(file);
    Files.write(elsewhere, new byte[3]);
    Files.move(elsewhere, file);
    assertFalse(Arrays.equals(first, LocalSecret.in(folder, 16)));
  }

  @Test
  void shouldBeOnesOwnWhereThereIsNoFolder() {
    assertEquals(16, LocalSecret.in(folder.resolve("missing"), 16).length);
  }
}
