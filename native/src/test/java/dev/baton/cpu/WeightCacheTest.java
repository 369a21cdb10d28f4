package dev.baton.cpu;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.arch.LlamaSizes;
import dev.baton.arch.RandomModel;
import dev.baton.gguf.CheckedFile;
import dev.baton.gguf.FileStamp;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kernel.ReferenceKernels;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Packed weights that are kept, with real files and real processes. */
class WeightCacheTest {
  private static final Path MODEL = CpuPassTest.BATON_TINY;
  private static final long PLENTY = 1_000_000_000;

  /** What a JVM that loads a model gains beside. */
  private static final long JVM_BYTES = 40_000_000;

  private static Kernels kernels;
  private static int[] expected;

  @TempDir Path work;

  private record Loaded(int[] logits, String origin, String notice) {}

  @BeforeAll
  static void loadWithoutCache() {
    assumeTrue(NativeKernels.whyMissing().isEmpty(), "no C kernels, which alone pack");
    kernels = NativeKernels.open(KernelsConfig.defaults());
    expected = load(MODEL, WeightCache.none()).logits();
  }

  @AfterAll
  static void close() {
    if (kernels != null) {
      kernels.close();
    }
  }

  private static Loaded load(Path model, WeightCache cache) {
    try (CpuModel loaded = CpuModel.load(model, kernels, cache, _ -> {})) {
      return new Loaded(
          LoadingProcess.logits(loaded), loaded.weightOrigin(), loaded.weightNotice().orElse(""));
    }
  }

  private Path folder() {
    return work.resolve("packed");
  }

  private WeightCache cache() {
    return cache(WeightFile.Access.BEST);
  }

  private WeightCache cache(WeightFile.Access access) {
    return new WeightCache(folder(), PLENTY, access);
  }

  private Path entry() {
    List<WeightCache.Entry> entries = cache().entries();
    assertEquals(1, entries.size());
    return entries.getFirst().file();
  }

  private long unfinished() throws IOException {
    try (Stream<Path> files = Files.list(folder())) {
      return files.filter(file -> file.toString().endsWith(".part")).count();
    }
  }

  @Test
  void shouldPackOnceAndGiveTheSameBitsHoweverTheWeightsCome() throws IOException {
    Loaded first = load(MODEL, cache());
    assertArrayEquals(expected, first.logits());
    assertEquals("", first.notice());
    Object written = Files.readAttributes(entry(), "unix:ino").get("ino");
    for (WeightFile.Access access : WeightFile.Access.values()) {
      Loaded again = load(MODEL, cache(access));
      assertArrayEquals(expected, again.logits(), access + "");
      assertEquals("", again.notice());
      if (access != WeightFile.Access.BEST) {
        assertEquals(access == WeightFile.Access.READ ? "read" : "mapped", again.origin());
      }
    }
    assertEquals(written, Files.readAttributes(entry(), "unix:ino").get("ino"), "written again");
    assertEquals(MODEL.toAbsolutePath().toString(), cache().entries().getFirst().source());
  }

  @Test
  void shouldPackAlikeAtEveryLevelSoThatOneEntryServesAll() {
    load(MODEL, cache());
    for (String isa : NativeKernels.levels()) {
      try (Kernels level = NativeKernels.open(KernelsConfig.defaults().withIsa(isa));
          CpuModel model = CpuModel.load(MODEL, level, cache(), _ -> {})) {
        assertEquals(kernels.packFormat(), level.packFormat(), isa);
        assertArrayEquals(expected, LoadingProcess.logits(model), isa);
        entry();
      }
    }
  }

  @Test
  void shouldKeepNothingForKernelsThatUseTheFileAsItIs() {
    try (Kernels java = new ReferenceKernels();
        CpuModel model = CpuModel.load(MODEL, java, cache(), _ -> {})) {
      assertEquals("packed", model.weightOrigin());
      assertFalse(Files.exists(folder()));
    }
  }

  /** Something that goes wrong with a file, and what is said of it. */
  private record Damage(String said, Spoiler spoiler) {
    interface Spoiler {
      void spoil(RandomAccessFile file) throws IOException;
    }
  }

  private static Damage.Spoiler flip(long at) {
    return file -> {
      file.seek(at);
      int value = file.read();
      file.seek(at);
      file.write(value ^ 1);
    };
  }

  @Test
  void shouldNeverUseADamagedFileAndWriteItAnew() throws IOException {
    load(MODEL, cache());
    load(MODEL, cache());
    long size = Files.size(entry());
    List<Damage> damages =
        List.of(
            new Damage("cut short", file -> file.setLength(size - 1)),
            new Damage("cut short", file -> file.setLength(size / 2)),
            new Damage("cut short", file -> file.setLength(size + 1)),
            new Damage("cut short", file -> file.setLength(0)),
            new Damage("cut short", file -> file.setLength(100)),
            new Damage("bytes are damaged", flip(WeightFile.HEAD_BYTES)),
            new Damage("bytes are damaged", flip(WeightFile.HEAD_BYTES + 3_000_000)),
            new Damage("bytes are damaged", flip(size - 1)),
            new Damage("no packed weights", flip(0)),
            new Damage("head is damaged", flip(9)),
            new Damage("no packed weights", flip(15)),
            new Damage("head is damaged", flip(30)),
            new Damage(
                "no packed weights",
                file -> file.write("a letter".getBytes(StandardCharsets.UTF_8))));
    for (WeightFile.Access access : WeightFile.Access.values()) {
      for (int i = 0; i < damages.size(); i++) {
        assertTrue(Files.exists(CheckedFile.noteOf(entry())), "its bytes were never checked");
        try (RandomAccessFile file = new RandomAccessFile(entry().toFile(), "rw")) {
          damages.get(i).spoiler().spoil(file);
        }
        Loaded damaged = load(MODEL, cache(access));
        assertArrayEquals(expected, damaged.logits(), access + ", damage " + i);
        assertTrue(damaged.notice().contains(damages.get(i).said()), i + ": " + damaged.notice());
        assertEquals(1, damaged.notice().lines().count());
        Loaded mended = load(MODEL, cache(access));
        assertEquals("", mended.notice());
        assertNotEquals("packed", mended.origin());
        assertEquals(0, unfinished());
      }
    }
  }

  @Test
  void shouldCheckEveryByteOnceAndAgainWhenTheFileOrItsNoteIsAnother() throws IOException {
    for (WeightFile.Access access : List.of(WeightFile.Access.MAPPED, WeightFile.Access.READ)) {
      load(MODEL, cache());
      load(MODEL, cache(access));
      Path note = CheckedFile.noteOf(entry());
      String found = Files.readString(note).split(" FileStamp", 2)[0];
      try (RandomAccessFile file = new RandomAccessFile(entry().toFile(), "rw")) {
        flip(WeightFile.HEAD_BYTES + 1000).spoil(file);
      }
      CheckedFile.keep(entry(), FileStamp.settled(entry()), found); // as if they had been checked
      Loaded trusted = load(MODEL, cache(access));
      assertEquals("", trusted.notice());
      assertFalse(Arrays.equals(expected, trusted.logits()), "read again, though nothing changed");

      Files.writeString(note, Files.readString(note).replace("bytes=", "bytes=1"));
      Loaded again = load(MODEL, cache(access));
      assertTrue(again.notice().contains("bytes are damaged"), again.notice());
      assertArrayEquals(expected, again.logits());
    }
  }

  @Test
  void shouldSayThatAModelFileWasCutOffWhileItsWeightsWerePacked() throws IOException {
    for (WeightCache cache : List.of(WeightCache.none(), cache())) {
      Path copy = Files.copy(MODEL, work.resolve("cut.gguf"), REPLACE_EXISTING);
      RuntimeException said =
          assertThrows(
              RuntimeException.class,
              () -> {
                try (CpuModel _ =
                    CpuModel.load(copy, kernels, cache, share -> cutOff(copy, share))) {
                  // It must not come to that.
                }
              });
      assertTrue(said.getMessage().contains("cut.gguf: it was c"), said.getMessage());
    }
  }

  private static void cutOff(Path file, double share) {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      if (share > 0) {
        open.setLength(Math.min(open.length(), 1 << 16));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  @Timeout(60)
  void shouldWaitForNothingThatIsNoFile() throws Exception {
    load(MODEL, cache());
    Path entry = entry();
    for (String[] makes :
        new String[][] {
          {"mkfifo"}, {"mkdir", "-p"}, {"ln", "-s", "/dev/zero"}, {"ln", "-s", "x"}
        }) {
      Files.delete(entry);
      List<String> command = new ArrayList<>(List.of(makes));
      command.add(entry.toString());
      assertEquals(0, new ProcessBuilder(command).start().waitFor());
      Loaded packed = load(MODEL, cache());
      assertArrayEquals(expected, packed.logits(), makes[0]);
      assertEquals("", load(MODEL, cache()).notice(), makes[0]);
    }
    Files.delete(entry);
    Path lock = entry.resolveSibling("lock");
    Files.delete(lock);
    assertEquals(0, new ProcessBuilder("mkfifo", lock.toString()).start().waitFor());
    Loaded packed = load(MODEL, cache());
    assertArrayEquals(expected, packed.logits());
    assertTrue(packed.notice().contains("lock is no file"), packed.notice());
  }

  @Test
  void shouldNotUseAFileThatWasMadeForAnother() throws IOException {
    load(MODEL, cache());
    Path ours = entry();
    Path other = changedCopy("other.gguf");
    load(other, cache());
    Path theirs =
        cache().entries().stream()
            .map(WeightCache.Entry::file)
            .filter(file -> !file.equals(ours))
            .findFirst()
            .orElseThrow();
    Files.move(theirs, ours, REPLACE_EXISTING);
    Loaded loaded = load(MODEL, cache());
    assertArrayEquals(expected, loaded.logits());
    assertTrue(loaded.notice().contains("another model or by another version"), loaded.notice());
  }

  /** A copy with some weights changed where the fingerprint does not look. */
  private Path changedCopy(String name) throws IOException {
    Path copy = Files.copy(MODEL, work.resolve(name));
    long middle;
    try (GgufFile file = GgufFile.open(copy)) {
      GgufTensor tensor = file.tensor("blk.0.ffn_up.weight");
      middle = tensor.offset() + tensor.byteSize() / 2;
    }
    try (RandomAccessFile file = new RandomAccessFile(copy.toFile(), "rw")) {
      file.seek(middle);
      file.write(new byte[2000]);
    }
    return copy;
  }

  @Test
  void shouldPackAnewWhenTheModelWasChangedWhereItsFingerprintDoesNotLook() throws IOException {
    Path copy = Files.copy(MODEL, work.resolve("model.gguf"));
    assertArrayEquals(expected, load(copy, cache()).logits());
    Files.delete(copy);
    changedCopy("model.gguf");
    Loaded changed = load(copy, cache());
    assertArrayEquals(load(copy, WeightCache.none()).logits(), changed.logits());
    assertFalse(Arrays.equals(expected, changed.logits()));
  }

  @Test
  void shouldServeManyProcessesAndThreadsThatStartAtOnce() throws Exception {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(LoadingProcess.start(List.of(), "true", MODEL, folder()));
    }
    List<CompletableFuture<Loaded>> threads =
        IntStream.range(0, 3)
            .mapToObj(_ -> CompletableFuture.supplyAsync(() -> load(MODEL, cache())))
            .toList();
    for (CompletableFuture<Loaded> thread : threads) {
      assertArrayEquals(expected, thread.get().logits());
      assertEquals("", thread.get().notice());
    }
    for (Process process : processes) {
      LoadingProcess.Result result = LoadingProcess.result(process);
      assertEquals(Arrays.hashCode(expected), result.logitsHash());
      assertEquals("", result.notice());
      assertNotEquals("packed", result.origin());
    }
    entry();
    assertEquals(0, unfinished());
  }

  @Test
  void shouldStartAsEverAfterAProcessWasKilledWhileItWrote() throws Exception {
    Process writer = LoadingProcess.start(List.of(), "true", MODEL, folder(), "stop");
    assertEquals("writing", writer.inputReader().readLine());
    assertEquals(1, unfinished());
    writer.destroyForcibly().waitFor();
    assertEquals(List.of(), cache().entries());
    Loaded after = load(MODEL, cache());
    assertArrayEquals(expected, after.logits());
    assertEquals("", after.notice());
    entry();
    assertEquals(0, unfinished());
  }

  @Test
  void shouldWaitForAProcessAsLongAsItMakesProgress() throws Exception {
    Path model = largeModel();
    Process slow = LoadingProcess.start(List.of(), "true", model, folder(), "slow");
    assertEquals("writing", slow.inputReader().readLine());
    WeightCache hasty =
        new WeightCache(
            folder(), PLENTY, WeightFile.Access.BEST, TimeUnit.MILLISECONDS.toNanos(1_500));
    long startNs = System.nanoTime();
    Loaded loaded = load(model, hasty);
    assertEquals("", loaded.notice());
    assertNotEquals("packed", loaded.origin());
    assertNotEquals("kept", loaded.origin());
    assertTrue(System.nanoTime() - startNs > TimeUnit.SECONDS.toNanos(2), "there was no wait");
    slow.waitFor();
    entry();
  }

  @Test
  void shouldLeaveAProcessThatStandsStillAndTakeOverFromOneThatDied() throws Exception {
    Process writer = LoadingProcess.start(List.of(), "true", MODEL, folder(), "stop");
    assertEquals("writing", writer.inputReader().readLine());
    Process waiting = LoadingProcess.start(List.of(), "true", MODEL, folder());
    WeightCache hasty =
        new WeightCache(
            folder(), PLENTY, WeightFile.Access.BEST, TimeUnit.MILLISECONDS.toNanos(300));
    Loaded here = load(MODEL, hasty);
    assertArrayEquals(expected, here.logits());
    assertTrue(here.notice().contains("makes no progress"), here.notice());
    assertTrue(waiting.isAlive(), "it has more patience");
    writer.destroyForcibly().waitFor();
    LoadingProcess.Result tookOver = LoadingProcess.result(waiting);
    assertEquals(Arrays.hashCode(expected), tookOver.logitsHash());
    assertEquals("", tookOver.notice());
    entry();
    assertEquals(0, unfinished());
  }

  @Test
  void shouldHoldPackedWeightsOnceWhileTheyAreMadeAndHardlyAtAllWhereTheyAreMapped()
      throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self/status")), "only Linux tells");
    Path model = largeModel();
    long anonymous = mostAnonymous(model, "read");
    long packed = Files.size(entry()) - WeightFile.HEAD_BYTES;
    assertTrue(packed > 60_000_000, "" + packed);
    assertTrue(anonymous < 1.15 * packed + JVM_BYTES, anonymous + " for " + packed);
    Files.delete(entry());
    long mapped = mostAnonymous(model, "mapped");
    assertTrue(mapped < 0.3 * packed + JVM_BYTES, mapped + " for " + packed);
  }

  private long mostAnonymous(Path model, String access) throws Exception {
    Process process = LoadingProcess.start(List.of(), "true", model, folder(), access, "anonymous");
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    return Long.parseLong(said.strip());
  }

  /** Of some 80 MB, in a few matrices. */
  private Path largeModel() throws IOException {
    LlamaSizes shape = new LlamaSizes(2, 1024, 10240, 8, 8, 128, 4096, 512, 1e-5f, 10_000, 128, 1);
    return RandomModel.of(shape, GgmlType.Q8_0, false, 7).write(work.resolve("large.gguf"));
  }

  @Test
  void shouldPackInMemoryAndSayWhyWhenWritingFailsHalfWay() throws Exception {
    Process limited = LoadingProcess.start(List.of(), "ulimit -f 3000", MODEL, folder());
    assertNotKept(LoadingProcess.result(limited), "File too large");
    assertEquals(List.of(), cache().entries());
    assertEquals(0, unfinished());
  }

  @Test
  void shouldPackInMemoryAndSayWhyWhereTheFolderCannotBeMade() throws Exception {
    Path file = Files.writeString(work.resolve("file"), "no folder");
    Loaded loaded =
        load(MODEL, new WeightCache(file.resolve("packed"), PLENTY, WeightFile.Access.BEST));
    assertArrayEquals(expected, loaded.logits());
    assertEquals("packed", loaded.origin());
    assertTrue(loaded.notice().contains("are not kept (" + file), loaded.notice());
  }

  @Test
  void shouldPackInMemoryAndSayWhyOnAFullOrReadOnlyDisk() throws Exception {
    List<String> prefix = List.of("unshare", "--map-root-user", "--mount");
    Files.createDirectory(folder());
    List<String> probe = new ArrayList<>(prefix);
    probe.addAll(List.of("mount", "-t", "tmpfs", "none", folder().toString()));
    assumeTrue(
        new ProcessBuilder(probe).start().waitFor() == 0, "no right to mount a small file system");
    String mount = "mount -t tmpfs -o %s none " + folder();
    LoadingProcess.Result full =
        LoadingProcess.result(
            LoadingProcess.start(prefix, mount.formatted("size=4m"), MODEL, folder()));
    assertNotKept(full, "there is room for");
    LoadingProcess.Result readOnly =
        LoadingProcess.result(LoadingProcess.start(prefix, mount.formatted("ro"), MODEL, folder()));
    assertNotKept(readOnly, "Read-only file system");
  }

  private static void assertNotKept(LoadingProcess.Result result, String why) {
    assertEquals("packed", result.origin());
    assertEquals(Arrays.hashCode(expected), result.logitsHash());
    assertTrue(result.notice().contains("are not kept"), result.notice());
    assertTrue(result.notice().contains(why), result.notice());
  }

  @Test
  void shouldRemoveTheLeastRecentlyUsedAboveTheLimit() throws Exception {
    Path[] models = new Path[3];
    for (int i = 0; i < models.length; i++) {
      models[i] =
          RandomModel.of(RandomModel.tinyShape(), GgmlType.Q8_0, false, i)
              .write(work.resolve(i + ".gguf"));
    }
    load(models[0], cache());
    long bytes = Files.size(entry());
    WeightCache bounded = new WeightCache(folder(), 5 * bytes / 2, WeightFile.Access.BEST);
    load(models[1], bounded);
    Thread.sleep(20); // file times are of a few milliseconds
    load(models[0], bounded);
    Thread.sleep(20);
    load(models[2], bounded);
    assertEquals(
        List.of("2.gguf", "0.gguf"),
        bounded.entries().stream()
            .map(entry -> Path.of(entry.source()).getFileName().toString())
            .toList());
    assertEquals(bytes, bounded.prune(bytes));
    assertEquals(List.of(bytes), bounded.entries().stream().map(WeightCache.Entry::bytes).toList());
    assertEquals(bytes, bounded.prune(0));
    assertEquals(0, bounded.prune(0));
    assertEquals(List.of(), bounded.entries());
    Loaded tooLarge = load(models[0], new WeightCache(folder(), bytes / 4, WeightFile.Access.BEST));
    assertTrue(tooLarge.notice().contains("there is room for"), tooLarge.notice());
  }

  @Test
  void shouldReadTheLimitFromTheEnvironment() {
    assertEquals(20_000_000_000L, WeightCache.in(folder(), Map.of()).limitBytes());
    assertEquals(
        500_000_000L,
        WeightCache.in(folder(), Map.of(WeightCache.LIMIT_VARIABLE, "0.5")).limitBytes());
    for (String wrong : List.of("-1", "much", "NaN")) {
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> WeightCache.in(folder(), Map.of(WeightCache.LIMIT_VARIABLE, wrong)));
      assertTrue(e.getMessage().contains(WeightCache.LIMIT_VARIABLE + "=" + wrong));
    }
    load(MODEL, WeightCache.in(folder(), Map.of(WeightCache.LIMIT_VARIABLE, "0")));
    assertFalse(Files.exists(folder()));
  }
}
