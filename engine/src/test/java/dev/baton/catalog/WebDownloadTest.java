package dev.baton.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

final class WebDownloadTest {
  @TempDir Path folder;

  @Test
  @Timeout(20)
  void shouldGiveUpADownloadThatBringsNothingAndKeepWhatIsThere() throws IOException {
    byte[] content = new byte[50_000];
    try (RangeServer server = new RangeServer(content)) {
      server.breakAfterBytes = 20_000;
      server.hangs = true;
      server.knowsRanges = false;
      ModelSource.Web source = server.source();
      CatalogModel model =
          new CatalogModel(
              "model", "", "model.gguf", content.length, "0".repeat(64), "", "", List.of(source));
      Path file = folder.resolve("model.gguf");

      SourceException e =
          assertThrows(
              SourceException.class,
              () ->
                  new WebDownload(Duration.ofSeconds(1))
                      .fetch(model, source, file, PullProgress.SILENT));

      assertEquals("sent nothing for 1 s", e.getMessage());
      assertTrue(Files.size(VerifiedFile.part(file)) > 0);
    }
  }
}
