package dev.baton.catalog;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Turns what a user calls a model into a file: a catalog name or the path of a GGUF.
 *
 * <p>Safe for use by many threads and by many processes that share one cache folder: a model is
 * written under another name, checked against its pinned SHA-256 and only then renamed, one writer
 * at a time.
 */
public final class ModelCatalog {
  private final List<CatalogModel> models;
  private final Path folder;
  private final SourceReader sources;

  /**
   * @param models what can be named
   * @param cacheFolder where {@code models/} is kept; made when first needed
   * @param env the environment: {@code PATH} is searched for pip
   */
  public ModelCatalog(List<CatalogModel> models, Path cacheFolder, Map<String, String> env) {
    this.models = List.copyOf(models);
    this.folder = cacheFolder.resolve("models");
    this.sources = new SourceReader(env);
  }

  /** Baton's models, in the cache folder of an environment, usually {@code System.getenv()}. */
  public static ModelCatalog of(Map<String, String> env) {
    return new ModelCatalog(CatalogModel.all(), CacheFolder.of(env), env);
  }

  /** What can be named. */
  public List<CatalogModel> models() {
    return models;
  }

  /** Where a model's file is, or will be once it is pulled. */
  public Path fileOf(CatalogModel model) {
    return folder.resolve(model.fileName());
  }

  /** Whether the model's file is there with its right size. */
  public boolean isPresent(CatalogModel model) {
    return VerifiedFile.hasSize(fileOf(model), model.sizeBytes());
  }

  /** {@link #resolve(String, Consumer)} without notes. */
  public Path resolve(String nameOrPath) {
    return resolve(nameOrPath, note -> {});
  }

  /**
   * The file of a model, ready to be mapped, with its pinned bytes. An embedded model is copied out
   * of the jar on first use, and again when its file was changed; where the cache folder cannot be
   * written, to a temporary file that ends with the process.
   *
   * @param nameOrPath a catalog name, or the path of a GGUF file (a name wins; {@code ./name} is
   *     always a path)
   * @param notes told of such a temporary file, and of other things to mend, one line each
   * @throws CatalogException if nothing is known by that name and no file is there, or if it has
   *     not been pulled yet or was changed since
   */
  public Path resolve(String nameOrPath, Consumer<String> notes) {
    Optional<CatalogModel> known = find(nameOrPath);
    if (known.isEmpty()) {
      return existingFile(nameOrPath);
    }
    CatalogModel model = known.get();
    if (VerifiedFile.isVerified(fileOf(model), model, notes)) {
      return fileOf(model);
    }
    if (model.isEmbedded()) {
      return embedded(model, notes);
    }
    if (Files.exists(fileOf(model))) {
      throw new CatalogException(
          fileOf(model)
              + " is damaged (its "
              + (isPresent(model) ? "bytes are not those of the model" : "size is wrong")
              + "); bring it again with: baton pull "
              + model.name());
    }
    throw new CatalogException(
        "model "
            + model.name()
            + " is known but not here yet; bring it ("
            + model.sizeInWords()
            + ") with: baton pull "
            + model.name());
  }

  /**
   * Brings a model into the cache folder, unless it is there already and whole.
   *
   * @return its file
   * @throws CatalogException if the name is unknown, or no source gave the pinned bytes; the
   *     message says why for each
   */
  public Path pull(String name, PullProgress progress) {
    CatalogModel model = find(name).orElseThrow(() -> new CatalogException(unknown(name)));
    return bring(model, progress);
  }

  private Optional<CatalogModel> find(String name) {
    return models.stream().filter(model -> model.name().equals(name)).findFirst();
  }

  private Path embedded(CatalogModel model, Consumer<String> notes) {
    boolean wasChanged = isPresent(model);
    try {
      Path file = bring(model, PullProgress.SILENT);
      if (wasChanged) {
        notes.accept(file + " did not have the model's bytes any more and was written anew");
      }
      return file;
    } catch (CatalogException e) {
      Path file = temporary(model, e);
      notes.accept(e.getMessage() + "; this run has the model at " + file);
      return file;
    }
  }

  private Path temporary(CatalogModel model, CatalogException why) {
    try {
      Path own = Files.createTempDirectory("baton-model");
      own.toFile().deleteOnExit();
      Path file = own.resolve(model.fileName());
      file.toFile().deleteOnExit();
      sources.read(model, model.sources().getFirst(), file, PullProgress.SILENT);
      return file;
    } catch (IOException | SourceException e) {
      why.addSuppressed(e);
      throw why;
    }
  }

  private Path bring(CatalogModel model, PullProgress progress) {
    Path file = fileOf(model);
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new CatalogException(
          "cannot make the folder "
              + folder
              + " ("
              + Reason.of(e)
              + "); set BATON_HOME to a folder that can be written",
          e);
    }
    try (PullLock _ = PullLock.take(file, progress)) {
      if (VerifiedFile.hasSha256(file, model)) {
        return file;
      }
      List<String> failures = new ArrayList<>();
      for (ModelSource source : model.sources()) {
        try {
          sources.read(model, source, file, progress);
          return file;
        } catch (SourceException e) {
          failures.add(source.label() + ": " + e.getMessage());
          if (failures.size() < model.sources().size()) {
            progress.note(failures.getLast() + "; trying the next source");
          }
        }
      }
      throw new CatalogException(
          "cannot bring " + model.name() + ": " + String.join("; ", failures));
    } catch (IOException e) {
      throw new CatalogException(
          "cannot write "
              + file
              + " ("
              + Reason.of(e)
              + "); mend that or set BATON_HOME to another folder",
          e);
    }
  }

  private Path existingFile(String nameOrPath) {
    Path path;
    try {
      path = Path.of(nameOrPath);
    } catch (InvalidPathException e) {
      throw new CatalogException(
          FileName.misfit(nameOrPath) + "; the models known by name are " + names(), e);
    }
    if (Files.isDirectory(path)) {
      throw new CatalogException("model " + nameOrPath + " is a folder; give the GGUF file in it");
    }
    if (Files.exists(path)) {
      return path;
    }
    if (nameOrPath.endsWith(".gguf") || nameOrPath.contains("/")) {
      throw new CatalogException(
          "model file " + nameOrPath + " does not exist; give a GGUF file or one of: " + names());
    }
    throw new CatalogException(unknown(nameOrPath));
  }

  private String unknown(String name) {
    String nearest =
        NearestName.to(name, models.stream().map(CatalogModel::name).toList())
            .map(near -> " (did you mean " + near + "?)")
            .orElse("");
    return "no model is called '"
        + name
        + "'"
        + nearest
        + "; the names are "
        + names()
        + "; or give the path of a GGUF file";
  }

  private String names() {
    return models.stream().map(CatalogModel::name).collect(Collectors.joining(", "));
  }
}
