package dev.baton.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.catalog.ModelCatalog;
import dev.baton.file.WholeFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class BenchResultTest {
  private static final ResultFigure FIGURE =
      ResultFigure.of(
          "dot q8_0", "GOPS", ResultFigure.Better.HIGHER, Spread.of(List.of(3.0, 1.0, 2.0)));

  @TempDir private Path folder;

  @Test
  void shouldReadWhatItWroteAndNameTheMachineTheCommitAndTheModel() throws Exception {
    Path model = ModelCatalog.of(System.getenv()).resolve("baton-tiny");
    Provenance provenance = Provenance.now(List.of("--model", "baton-tiny"), model);
    BenchResult result =
        BenchResult.of("micro", true, provenance, List.of(FIGURE), Map.of("more", 1));
    Path file = folder.resolve("result.json");
    WholeFile.write(file, result.json());
    assertEquals(result, BenchResult.read(file));
    assertFalse(provenance.machine().cpu().isBlank());
    assertTrue(provenance.machine().cores() >= 1);
    assertTrue(provenance.machine().memoryBytes() > 0);
    assertEquals(32, Objects.requireNonNull(provenance.model()).fingerprint().length());
  }

  @Test
  void shouldWriteTheDocumentedForm() {
    Provenance provenance = Provenance.now(List.of(), null);
    JsonNode json =
        JsonMapper.shared()
            .readTree(BenchResult.of("micro", false, provenance, List.of(FIGURE), null).json());
    assertEquals("baton-bench/1", json.path("schema").asString());
    assertFalse(json.path("complete").asBoolean(true));
    assertTrue(json.path("provenance").path("date").asString().endsWith("Z"), json.toString());
    assertNotNull(json.path("provenance").get("dirty"));
    JsonNode figure = json.path("figures").path(0);
    assertEquals("higher", figure.path("better").asString());
    assertEquals(2.0, figure.path("median").asDouble());
    assertEquals(3, figure.path("runs").asInt());
  }

  @Test
  void shouldSayInOneLineWhyAFileIsNoResult() throws IOException {
    assertEquals(
        folder.resolve("none.json") + " cannot be read: there is no such file",
        refusal(folder.resolve("none.json")));
    assertTrue(refusal(file("{\"schema\":\"other/1\"}")).contains("its schema is 'other/1'"));
    assertTrue(refusal(file("{")).contains("is no result of 'baton bench'"));
    assertTrue(refusal(file("[]")).contains("is no result of 'baton bench'"));
    String good =
        BenchResult.of("x", true, Provenance.now(List.of(), null), List.of(FIGURE), null).json();
    assertTrue(
        refusal(file(good.replace("\"low\" : 1.0", "\"low\" : 9.0"))).contains("low <= median"));
    assertTrue(refusal(file(good.replace("\"higher\"", "\"sideways\""))).contains("sideways"));
  }

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("bad.json"), text);
  }

  private static String refusal(Path file) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> BenchResult.read(file))
                .getMessage());
    assertEquals(1, message.lines().count(), message);
    return message;
  }
}
