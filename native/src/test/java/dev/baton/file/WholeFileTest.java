package dev.baton.file;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WholeFileTest {
  @TempDir Path folder;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void shouldPutAFileInThePlaceOfAnotherAndLeaveNothingBeside() throws IOException {
    Path file = folder.resolve("file");
    WholeFile.write(file, "long and old");
    WholeFile.write(file, ByteBuffer.wrap(new byte[] {0, 1, 2, 3}, 1, 2));
    assertArrayEquals(new byte[] {1, 2}, Files.readAllBytes(file));
    assertEquals(List.of("file"), names());
  }

  @Test
  void shouldLeaveWhatWasThereAndNothingElseWhereItCannotBeWritten() throws IOException {
    Path full = Files.createDirectories(folder.resolve("folder").resolve("full")).getParent();
    assertThrows(IOException.class, () -> WholeFile.write(full, "text"));
    assertEquals(List.of("folder"), names());
    assertThrows(IOException.class, () -> WholeFile.write(folder.resolve("none/file"), "text"));
    assertEquals(List.of("folder"), names());
  }
}
