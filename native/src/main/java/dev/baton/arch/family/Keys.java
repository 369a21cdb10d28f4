package dev.baton.arch.family;

import dev.baton.arch.ModelException;
import dev.baton.arch.TensorNames;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufMetadata;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A file's metadata as its family reads it: keys without the architecture before them. */
final class Keys {
  private final Path path;
  private final GgufMetadata metadata;
  private final String prefix;
  private final @Nullable GgufFile file;

  /**
   * @param file null where its tensors may not be looked at yet
   */
  Keys(Path path, GgufMetadata metadata, String architecture, @Nullable GgufFile file) {
    this.path = path;
    this.metadata = metadata;
    this.prefix = architecture + ".";
    this.file = file;
  }

  boolean has(String key) {
    return metadata.has(prefix + key);
  }

  /** A positive number. */
  int size(String key) {
    long value = metadata.integer(prefix + key);
    if (value < 1 || value > Integer.MAX_VALUE) {
      throw refused(key + " is " + value + ", wanted a positive 32-bit number");
    }
    return (int) value;
  }

  int size(String key, int missing) {
    return has(key) ? size(key) : missing;
  }

  long integer(String key, long missing) {
    return metadata.integer(prefix + key, missing);
  }

  double real(String key) {
    return metadata.real(prefix + key);
  }

  double real(String key, double missing) {
    return metadata.real(prefix + key, missing);
  }

  boolean bool(String key, boolean missing) {
    return metadata.bool(prefix + key, missing);
  }

  String string(String key, String missing) {
    return metadata.string(prefix + key, missing);
  }

  /** A size that may be given for each layer, if it is the same for all. */
  int uniform(String key, int layers) {
    if (!metadata.isArray(prefix + key)) {
      return size(key);
    }
    int[] sizes = metadata.ints(prefix + key);
    if (sizes.length == 0 || sizes.length != layers) {
      throw refused(
          key + " has " + sizes.length + " entries for " + layers + " layers (block_count)");
    }
    for (int size : sizes) {
      if (size != sizes[0]) {
        throw refused(key + " differs from layer to layer, which this version does not run");
      }
    }
    return sizes[0];
  }

  /** Tokens of the vocabulary, by what tells it first: the tokens, a key, the embedding. */
  int vocab() {
    if (metadata.has("tokenizer.ggml.tokens")) {
      return metadata.arrayLength("tokenizer.ggml.tokens");
    }
    if (has("vocab_size")) {
      return size("vocab_size");
    }
    long rows = Objects.requireNonNull(file).tensor(TensorNames.EMBEDDING).rows();
    return (int) Math.min(rows, Integer.MAX_VALUE);
  }

  /** Whether the file has a tensor. */
  boolean hasTensor(String name) {
    return Objects.requireNonNull(file).find(name).isPresent();
  }

  ModelException refused(String problem) {
    return new ModelException(path + ": " + problem + "; take another model");
  }
}
