package dev.baton.arch.family;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.arch.ModelException;
import dev.baton.arch.ModelShape;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufMetadata;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/** All families. Any thread. */
public final class Families {
  private static final List<Family> ALL = List.of(new Llama());

  private Families() {}

  /**
   * What the model in a file computes; its tensors are looked at only where no key tells the
   * vocabulary's size.
   *
   * @throws ModelException if this version does not run such a model
   * @throws dev.baton.gguf.GgufException if a key is missing or of the wrong type
   */
  public static ModelShape shape(GgufFile file) {
    ModelKind.requireRunnable(file.path(), file.metadata());
    Family family = of(file.path(), file.metadata());
    try {
      return family.shape(new Keys(file.path(), file.metadata(), family.architecture(), file));
    } catch (IllegalArgumentException e) {
      throw new ModelException(
          file.path() + ": " + e.getMessage() + "; convert the model again or take another", e);
    }
  }

  /** Refuses models of other families, and variants that are not run. */
  static void requireRun(Path path, GgufMetadata metadata) {
    Family family = of(path, metadata);
    family.requireRun(new Keys(path, metadata, family.architecture(), null));
  }

  private static Family of(Path path, GgufMetadata metadata) {
    String architecture = metadata.string("general.architecture");
    for (Family family : ALL) {
      if (family.architecture().equals(architecture)) {
        return family;
      }
    }
    throw new ModelException(
        path
            + ": architecture "
            + quoted(architecture)
            + " is not run by this version, which runs "
            + ALL.stream()
                .map(family -> "'" + family.architecture() + "'")
                .collect(Collectors.joining(", "))
            + "; take another model");
  }
}
