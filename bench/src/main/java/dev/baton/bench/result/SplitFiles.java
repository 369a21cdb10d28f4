package dev.baton.bench.result;

import dev.baton.file.WholeFile;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The files of a result, each whole or not there.
 *
 * @param folder where they are
 */
public record SplitFiles(Path folder) {
  /**
   * In a folder, which is made where it is not there.
   *
   * @throws IllegalArgumentException when that cannot be written to, with one line that says why
   */
  public static SplitFiles in(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (FileAlreadyExistsException e) {
      throw new IllegalArgumentException("--out " + folder + " is a file, not a folder", e);
    } catch (IOException e) {
      throw new IllegalArgumentException("--out " + folder + " cannot be made: " + e, e);
    }
    if (!Files.isWritable(folder)) {
      throw new IllegalArgumentException("--out " + folder + " cannot be written to");
    }
    return new SplitFiles(folder);
  }

  /** The page. */
  public Path report() {
    return folder.resolve("report.html");
  }

  /** Writes all of them, in place of earlier ones. Any thread. */
  public void write(SplitResult result) throws IOException {
    WholeFile.write(folder.resolve("rows.csv"), SplitCsv.of(result.rows()));
    WholeFile.write(folder.resolve("result.json"), result.asResult().json());
    WholeFile.write(folder.resolve("plot.svg"), PromptPlot.file(result));
    WholeFile.write(report(), SplitPage.of(result));
  }
}
