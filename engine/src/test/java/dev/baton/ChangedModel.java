package dev.baton;

import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufMetadata;
import dev.baton.gguf.GgufTensor;
import dev.baton.gguf.GgufValueType;
import dev.baton.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** baton-tiny with other metadata, or with some of its tensors only. */
public final class ChangedModel {
  private ChangedModel() {}

  /** The whole model with another chat template. */
  public static Path withTemplate(Path to, String jinja) throws IOException {
    String key = "tokenizer.chat_template";
    return write(to, Set.of(key), writer -> writer.string(key, jinja), tensor -> true);
  }

  /**
   * Writes a changed copy.
   *
   * @param leaveOut keys that are not copied
   * @param add what is written in their place
   */
  public static Path write(
      Path to, Set<String> leaveOut, Consumer<GgufWriter> add, Predicate<GgufTensor> keep)
      throws IOException {
    GgufWriter writer = new GgufWriter();
    try (GgufFile model = GgufFile.open(BatonProcess.TINY)) {
      GgufMetadata metadata = model.metadata();
      metadata.keys().stream()
          .filter(key -> !leaveOut.contains(key))
          .forEach(key -> copy(key, metadata, writer));
      add.accept(writer);
      model.tensors().stream()
          .filter(keep)
          .forEach(tensor ->
              writer.tensor(tensor.name(), tensor.type(), tensor.dims(), model.data(tensor)));
      writer.write(to);
    }
    return to;
  }

  private static void copy(String key, GgufMetadata metadata, GgufWriter writer) {
    String type = metadata.typeName(key);
    switch (type) {
      case "STRING" -> writer.string(key, metadata.string(key));
      case "BOOL" -> writer.bool(key, metadata.bool(key));
      case "FLOAT32" -> writer.real(key, (float) metadata.real(key));
      case "array of STRING" -> writer.strings(key, metadata.strings(key));
      case "array of FLOAT32" -> writer.reals(key, metadata.floats(key));
      case "array of INT32" -> {
        long[] values = java.util.Arrays.stream(metadata.ints(key)).asLongStream().toArray();
        writer.integers(key, GgufValueType.INT32, values);
      }
      default -> writer.integer(key, GgufValueType.valueOf(type), metadata.integer(key));
    }
  }
}
