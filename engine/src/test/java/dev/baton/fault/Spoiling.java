package dev.baton.fault;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Ways in which a file can be something else than what was left there. */
public final class Spoiling {
  /** How many ways there are. */
  public static final int WAYS = 20;

  private Spoiling() {}

  /** Spoils a file in one way; the seed says where. */
  public static String spoil(Path file, int way, long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    byte[] bytes = Files.readAllBytes(file);
    int length = bytes.length;
    switch (way) {
      case 0 -> flip(bytes, random, 0, length, 1);
      case 1 -> flip(bytes, random, 0, length, 100);
      case 2 -> flip(bytes, random, 0, Math.min(length, 64), 1);
      case 3 -> flip(bytes, random, 0, Math.min(length, 4096), 8);
      case 4 -> flip(bytes, random, Math.max(0, length - 64), length, 1);
      case 5 -> bytes = new byte[0];
      case 6 -> bytes = Arrays.copyOf(bytes, Math.min(length, 1));
      case 7 -> bytes = Arrays.copyOf(bytes, length / 2);
      case 8 -> bytes = Arrays.copyOf(bytes, Math.max(0, length - 1));
      case 9 -> bytes = Arrays.copyOf(bytes, length + 4096);
      case 10 -> {
        bytes = Arrays.copyOf(bytes, length + 1000);
        fill(bytes, random, length, length + 1000);
      }
      case 11 -> Arrays.fill(bytes, length / 4, length / 2, (byte) 0);
      case 12 -> Arrays.fill(bytes, length / 3, length / 3 + length / 10, (byte) 0xff);
      case 13 -> fill(bytes, random, 0, length);
      case 14 -> bytes = new byte[length];
      case 15 -> bytes = "null".getBytes(StandardCharsets.US_ASCII);
      case 16 -> bytes = "{}".getBytes(StandardCharsets.US_ASCII);
      case 17 -> {
        Files.delete(file);
        Files.createDirectory(file);
        Files.createFile(file.resolve("something"));
        return "a folder";
      }
      case 18 -> {
        Files.delete(file);
        pipe(file);
        return "a pipe";
      }
      case 19 -> {
        Files.delete(file);
        Files.createSymbolicLink(file, Path.of("/dev/zero"));
        return "a link to a device";
      }
      default -> throw new IllegalArgumentException("way " + way);
    }
    Files.write(file, bytes);
    return "way " + way + ", seed " + seed;
  }

  private static void flip(byte[] bytes, SplittableRandom random, int from, int to, int bits) {
    for (int i = 0; i < bits && to > from; i++) {
      bytes[random.nextInt(from, to)] ^= (byte) (1 << random.nextInt(8));
    }
  }

  private static void fill(byte[] bytes, SplittableRandom random, int from, int to) {
    for (int i = from; i < to; i++) {
      bytes[i] = (byte) random.nextInt();
    }
  }

  private static void pipe(Path file) throws IOException {
    try {
      if (new ProcessBuilder("mkfifo", file.toString()).start().waitFor() != 0) {
        throw new IOException("mkfifo " + file);
      }
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  /** Copies a folder of files, and of folders of them. */
  public static void copy(Path from, Path to) throws IOException {
    try (var files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }
}
