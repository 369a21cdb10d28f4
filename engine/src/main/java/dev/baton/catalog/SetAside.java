package dev.baton.catalog;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * Puts a file of the cache folder aside that is not what it should be: it is called {@code
 * NAME.bad-N} then, for people to look at, and its place is free. Of each folder the newest {@value
 * #MOST} are kept.
 */
public final class SetAside {
  private static final int MOST = 3;
  private static final String MARK = ".bad-";

  private SetAside() {}

  /**
   * Renames a file, or whatever else is in its place.
   *
   * @return what it is called now
   * @throws IOException when it cannot be renamed
   */
  public static Path put(Path file) throws IOException {
    Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent(), "the root is no file");
    List<Path> earlier = earlier(folder);
    int number = earlier.isEmpty() ? 1 : number(earlier.getLast()) + 1;
    Path aside = file.resolveSibling(file.getFileName() + MARK + number);
    Files.move(file, aside);
    for (Path old : earlier.subList(0, Math.max(0, earlier.size() - MOST + 1))) {
      try {
        Files.deleteIfExists(old);
      } catch (IOException _) {
        // A folder with something in it is somebody's, and stays.
      }
    }
    return aside;
  }

  /** What was put aside before, the oldest first. */
  private static List<Path> earlier(Path folder) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (number(file) > 0) {
          found.add(file);
        }
      }
    }
    found.sort(Comparator.comparingInt(SetAside::number));
    return found;
  }

  private static int number(Path file) {
    String name = file.getFileName().toString();
    int at = name.lastIndexOf(MARK);
    try {
      return at < 0 ? 0 : Integer.parseInt(name.substring(at + MARK.length()));
    } catch (NumberFormatException _) {
      return 0;
    }
  }
}
