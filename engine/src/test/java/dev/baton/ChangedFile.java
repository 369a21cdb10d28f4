package dev.baton;

import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;

/** A copy of baton-tiny in which single bits are turned over, in place, with its time put back. */
final class ChangedFile {
  private final Path path;

  ChangedFile(Path path) throws IOException {
    this.path = Files.copy(BatonProcess.TINY, path);
  }

  Path path() {
    return path;
  }

  /** Turns one bit over; done twice, all is as it was. */
  void flip(Bit bit) throws IOException {
    long at = bit.at();
    FileTime written = Files.getLastModifiedTime(path);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(at);
      int value = file.read();
      file.seek(at);
      file.write(value ^ bit.mask);
    }
    Files.setLastModifiedTime(path, written);
  }

  /** Cuts the file off. */
  void cut(long bytes) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(bytes);
    }
  }

  /** Where a bit stands, and the name of what it belongs to. */
  enum Bit {
    EMBEDDING("tensor 'token_embd.weight'", 1),
    NORM("tensor 'blk.2.ffn_norm.weight'", 2),
    MATRIX("tensor 'blk.3.ffn_down.weight'", 64),
    VOCABULARY("metadata 'tokenizer.ggml.tokens'", 1),
    METADATA("metadata 'llama.rope.freq_base'", 1);

    final String title;
    private final int mask;

    Bit(String title, int mask) {
      this.title = title;
      this.mask = mask;
    }

    private long at() throws IOException {
      String name = title.substring(title.indexOf('\'') + 1, title.length() - 1);
      if (title.startsWith("tensor")) {
        // Of the original: what was cut off cannot be opened.
        try (GgufFile file = GgufFile.open(BatonProcess.TINY)) {
          GgufTensor tensor = file.tensor(name);
          return tensor.offset() + tensor.byteSize() / 2;
        }
      }
      String bytes = Files.readString(BatonProcess.TINY, StandardCharsets.ISO_8859_1);
      int value = bytes.indexOf(name) + name.length() + Integer.BYTES; // behind the type
      // Of an array: behind its type, its length, and the length and first letters of a word.
      return this == VOCABULARY ? bytes.indexOf("the", value) : value;
    }
  }
}
