package dev.baton.arch.family;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.arch.ModelException;
import dev.baton.gguf.GgufMetadata;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tells what kind of thing a GGUF file holds and refuses all that is no model which is run here,
 * the first cause first: what the file is, whether it is whole, its architecture.
 *
 * <p>Source: the GGUF specification, {@code general.type} and {@code split.*}, and what llama.cpp's
 * converters and tools write.
 */
public final class ModelKind {
  private static final Pattern PART = Pattern.compile("(.*)-\\d{5}-of-(\\d{5})\\.gguf");

  private ModelKind() {}

  /**
   * Looks at the metadata only, so that it can be asked before the tensors are looked at.
   *
   * @throws ModelException saying what the file is and, where there is one, the tool that helps
   * @throws dev.baton.gguf.GgufException if a key is missing or of the wrong type
   */
  public static void requireRunnable(Path file, GgufMetadata metadata) {
    requireModel(file, metadata);
    requireWhole(file, metadata);
    Families.requireRun(file, metadata);
  }

  private static void requireModel(Path file, GgufMetadata metadata) {
    String type = metadata.string("general.type", "model");
    String architecture = metadata.string("general.architecture", "");
    if (type.equals("adapter") || metadata.has("adapter.type")) {
      throw refused(
          file,
          "it is an adapter (LoRA), not a model; merge it into its base model with llama.cpp's"
              + " llama-export-lora");
    }
    if (type.equals("imatrix") || metadata.has("imatrix.chunk_count")) {
      throw refused(
          file,
          "it is an importance matrix, not a model: llama.cpp's llama-quantize makes a model with"
              + " it (--imatrix)");
    }
    if (type.equals("mmproj") || type.equals("clip-vision") || architecture.equals("clip")) {
      throw refused(
          file,
          "it is the part that turns images or sound into embeddings (mmproj), not a model; name"
              + " the model's own .gguf file");
    }
    if (architecture.equals("controlvector")) {
      throw refused(file, "it is a control vector, not a model; name the model's own .gguf file");
    }
    if (!type.equals("model")) {
      throw refused(file, "it is of the type " + quoted(type) + ", not a model; take a model");
    }
  }

  private static void requireWhole(Path file, GgufMetadata metadata) {
    long parts = metadata.integer("split.count", 1);
    if (parts <= 1) {
      return;
    }
    Matcher name = PART.matcher(String.valueOf(file.getFileName()));
    String words =
        name.matches()
            ? name.group(1) + "-00001-of-" + name.group(2) + ".gguf " + name.group(1) + ".gguf"
            : "FIRST-PART WHOLE";
    throw refused(
        file,
        "it is one of "
            + parts
            + " parts of a split model; join them with llama.cpp's 'llama-gguf-split --merge "
            + words
            + "'");
  }

  private static ModelException refused(Path file, String problem) {
    return new ModelException(file + ": " + problem);
  }
}
