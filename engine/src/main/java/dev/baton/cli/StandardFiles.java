package dev.baton.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Standard input, output and error of this process, where it was given them. The number of one that
 * is closed goes to the next file that the process opens, and the first are the JVM's own: nothing
 * may be read or written there.
 */
final class StandardFiles {
  /** Set by the launcher: which of stdin (0) and stdout (1) were closed, e.g. {@code 01}. */
  private static final String CLOSED_PROPERTY = "baton.closed";

  private static final Path OPEN_FILES = Path.of("/proc/self/fd");
  private static final int COUNT = 3;

  /** They have the free numbers, so that no later file gets one; never closed. */
  private static final List<InputStream> PLACES = new ArrayList<>();

  private final boolean[] closed = new boolean[COUNT];

  private StandardFiles() {}

  /** Looks which ones there are; before anything else opens a file. */
  static StandardFiles ofThisProcess() {
    StandardFiles files = new StandardFiles();
    String told = System.getProperty(CLOSED_PROPERTY, "");
    for (int number = 0; number < COUNT; number++) {
      files.closed[number] = told.contains(Integer.toString(number)) || isClosed(number);
    }
    return files;
  }

  private static boolean isClosed(int number) {
    try {
      return isOfTheJvm(Files.readSymbolicLink(OPEN_FILES.resolve(Integer.toString(number))));
    } catch (NoSuchFileException _) {
      return Files.exists(OPEN_FILES) && takePlace();
    } catch (IOException _) {
      return false; // it cannot be told
    }
  }

  private static boolean isOfTheJvm(Path file) throws IOException {
    String[] classPath =
        System.getProperty("java.class.path", "").split(System.getProperty("path.separator"), -1);
    return file.startsWith(Path.of(System.getProperty("java.home")).toRealPath())
        || Arrays.stream(classPath).anyMatch(entry -> isSame(file, entry));
  }

  private static boolean isSame(Path file, String entry) {
    try {
      return !entry.isEmpty() && Files.isSameFile(file, Path.of(entry));
    } catch (IOException _) {
      return false;
    }
  }

  private static boolean takePlace() {
    try {
      PLACES.add(new FileInputStream("/dev/null"));
    } catch (FileNotFoundException _) {
      // It stays free, and is closed all the same.
    }
    return true;
  }

  /** Standard input; one that is closed cannot be read. */
  InputStream in() {
    return closed[0]
        ? new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("it is closed");
          }

          @Override
          public int read(byte[] into, int offset, int length) throws IOException {
            return read();
          }
        }
        : new FileInputStream(FileDescriptor.in);
  }

  /** Standard output; one that is closed cannot be written. */
  OutputStream out() {
    return closed[1]
        ? new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("standard output is closed");
          }
        }
        : new FileOutputStream(FileDescriptor.out);
  }

  /** Standard error; what is written to one that is closed is lost. */
  OutputStream err() {
    return closed[2] ? OutputStream.nullOutputStream() : new FileOutputStream(FileDescriptor.err);
  }
}
