package dev.baton.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.arch.ModelException;
import dev.baton.arch.RandomModel;
import dev.baton.gguf.FileStamp;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.ReferenceKernels;
import dev.baton.model.IdentityCache;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model's file that becomes another while it is loaded, in use, or between two starts. */
class ModelFileTest {
  private static final String MATRIX = "blk.0.ffn_up.weight";
  private static final String EMBEDDING = "token_embd.weight";

  @TempDir Path folder;
  private Path path;
  private Kernels kernels;

  @BeforeEach
  void write() {
    path =
        RandomModel.of(RandomModel.tinyShape(), GgmlType.Q8_0, true, 3)
            .write(folder.resolve("model.gguf"));
    kernels = KernelChoice.open(KernelsConfig.defaults().withThreads(1)).kernels();
  }

  @AfterEach
  void close() {
    kernels.close();
  }

  private WeightCache cache() {
    return new WeightCache(folder.resolve("packed"), 1_000_000_000, WeightFile.Access.MAPPED);
  }

  private CpuModel load() {
    return CpuModel.load(path, kernels, cache(), _ -> {});
  }

  private static long middleOf(Path path, String tensor) {
    try (GgufFile file = GgufFile.open(path)) {
      GgufTensor found = file.tensor(tensor);
      return found.offset() + found.byteSize() / 2;
    }
  }

  /** Flips one bit in place; the file says afterwards that it was last written when it was. */
  private static void flip(Path path, long at) throws IOException {
    FileTime written = Files.getLastModifiedTime(path);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(at);
      int value = file.read();
      file.seek(at);
      file.write(value ^ 16);
    }
    Files.setLastModifiedTime(path, written);
  }

  private static void assertTold(CpuModel model, String... words) {
    String trouble = model.trouble();
    assertNotNull(trouble);
    for (String word : words) {
      assertTrue(trouble.contains(word), trouble);
    }
    assertEquals(1, trouble.lines().count());
  }

  @Test
  void shouldTellAnotherStartOfOneFlippedBitWithTheOldTime() throws IOException {
    String root;
    try (CpuModel model = load()) {
      root = model.identity().root();
    }
    try (CpuModel model = load()) {
      assertEquals(root, model.identity().root());
    }
    for (String tensor : List.of(MATRIX, EMBEDDING, "blk.1.attn_norm.weight")) {
      long at = middleOf(path, tensor);
      flip(path, at);
      for (int start = 0; start < 2; start++) {
        try (CpuModel changed = load()) {
          assertNotEquals(root, changed.identity().root(), tensor);
        }
      }
      flip(path, at);
      try (CpuModel model = load()) {
        assertEquals(root, model.identity().root());
      }
    }
  }

  @Test
  void shouldComputeWithWhatTheFileHoldsAfterABitWasFlippedWithTheOldTime() throws IOException {
    int[] before;
    try (CpuModel model = load()) {
      before = LoadingProcess.logits(model);
    }
    flip(path, middleOf(path, MATRIX) + 1); // the exponent of a block's scale: no rounding hides it
    try (CpuModel kept = load();
        CpuModel anew = CpuModel.load(path, kernels, _ -> {})) {
      assertFalse(Arrays.equals(before, LoadingProcess.logits(kept)));
      assertArrayEquals(LoadingProcess.logits(anew), LoadingProcess.logits(kept));
    }
  }

  @Test
  void shouldUsePackedWeightsForEveryCopyOfTheModelOnly() throws IOException {
    load().close();
    Path copy = Files.copy(path, folder.resolve("copy.gguf"));
    try (CpuModel model = CpuModel.load(copy, kernels, cache(), _ -> {})) {
      assumeTrue(!model.weightOrigin().equals("packed"), "no C kernels, which alone pack");
      assertEquals("mapped", model.weightOrigin());
      assertEquals(1, cache().entries().size());
    }
    flip(copy, middleOf(copy, MATRIX));
    try (CpuModel _ = CpuModel.load(copy, kernels, cache(), _ -> {})) {
      assertEquals(2, cache().entries().size());
    }
  }

  @Test
  void shouldNoticeEveryChangeOfAFileInUseAndGoOnWhenItIsPutBack() throws IOException {
    byte[] original = Files.readAllBytes(path);
    try (CpuModel model = load()) {
      assertNull(model.trouble());
      int[] expected = LoadingProcess.logits(model);
      for (String tensor : List.of(MATRIX, EMBEDDING, "output_norm.weight")) {
        flip(path, middleOf(path, tensor));
        assertTold(model, path.toString(), "tensor '" + tensor + "'", "start this process again");
        assertTold(model, tensor);
        flip(path, middleOf(path, tensor));
        assertNull(model.trouble());
      }
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        file.setLength(original.length / 2);
      }
      assertTold(model, path.toString(), "truncated");
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        file.setLength(0);
      }
      assertTold(model, path.toString(), "empty");
      Files.delete(path);
      assertTold(model, path.toString(), "it is gone");
      Path other =
          RandomModel.of(RandomModel.tinyShape(), GgmlType.Q8_0, true, 4)
              .write(folder.resolve("other.gguf"));
      Files.move(other, path);
      assertTold(model, path.toString(), "'general.name'");
      Files.write(folder.resolve("copy.gguf"), original);
      Files.move(folder.resolve("copy.gguf"), path, StandardCopyOption.REPLACE_EXISTING);
      assertNull(model.trouble());
      assertArrayEquals(expected, LoadingProcess.logits(model));
    }
  }

  @Test
  void shouldMindNeitherLinksNorPermissionsNorAnotherTime() throws IOException {
    try (CpuModel model = load()) {
      Files.createLink(folder.resolve("link.gguf"), path);
      assertNull(model.trouble());
      assertTrue(path.toFile().setReadOnly());
      assertNull(model.trouble());
      Files.setLastModifiedTime(path, FileTime.fromMillis(0));
      assertNull(model.trouble());
    }
  }

  @Test
  void shouldNeverReadAWrongRowOfTheEmbeddingNorEndTheProcess() throws IOException {
    for (Kernels used : List.of(kernels, new ReferenceKernels())) {
      write();
      try (CpuModel model = CpuModel.load(path, used, _ -> {})) {
        int[] expected = LoadingProcess.logits(model);
        flip(path, middleOf(path, MATRIX)); // which is in this process's own memory
        assertArrayEquals(expected, LoadingProcess.logits(model));
        try (GgufFile file = GgufFile.open(path);
            RandomAccessFile out = new RandomAccessFile(path.toFile(), "rw")) {
          GgufTensor embedding = file.tensor(EMBEDDING);
          out.seek(embedding.offset());
          for (long row = 0; row < embedding.rows(); row++) {
            long at = embedding.offset() + row * embedding.byteSize() / embedding.rows();
            out.seek(at);
            int value = out.read();
            out.seek(at);
            out.write(value ^ 1);
          }
        }
        ModelException changed =
            assertThrows(ModelException.class, () -> LoadingProcess.logits(model));
        assertTrue(String.valueOf(changed.getMessage()).contains(EMBEDDING), changed.getMessage());
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
          file.setLength(0);
        }
        ModelException cut = assertThrows(ModelException.class, () -> LoadingProcess.logits(model));
        assertTrue(String.valueOf(cut.getMessage()).contains(path.toString()), cut.getMessage());
      }
      used.close();
    }
    kernels = new ReferenceKernels();
  }

  @Test
  void shouldNoticeThatMappedPackedWeightsWereChanged() throws IOException {
    load().close();
    try (CpuModel model = load()) {
      assumeTrue(model.weightOrigin().equals("mapped"), "no C kernels, which alone pack");
      Path packed = cache().entries().getFirst().file();
      load().close();
      assertNull(model.trouble());
      Files.createLink(folder.resolve("link"), packed);
      assertNull(model.trouble());
      assertFalse(packed.toFile().canWrite() && !isRoot(), "nobody cuts it off by mistake");
      flip(packed, WeightFile.HEAD_BYTES + 4711);
      assertTold(model, packed.toString(), "start it again");
      flip(packed, WeightFile.HEAD_BYTES + 4711);
      assertNull(model.trouble());
      Files.delete(packed);
      assertNull(model.trouble());
    }
  }

  private static boolean isRoot() {
    return System.getProperty("user.name").equals("root");
  }

  private Path record() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("identities"))) {
      List<Path> records = files.filter(file -> file.toString().endsWith(".identity")).toList();
      assertEquals(1, records.size());
      return records.getFirst();
    }
  }

  @Test
  void shouldKeepWhatWasReadAndPutASpoiledRecordAside() throws IOException {
    String root;
    try (CpuModel model = load()) {
      root = model.identity().root();
    }
    IdentityCache kept = cache().identities();
    FileStamp stamp = FileStamp.of(path);
    assertEquals(root, kept.find(stamp).orElseThrow().root());
    long size = Files.size(record());
    for (long at = 0; at < size; at += size / 9) {
      flip(record(), at);
      assertTrue(kept.find(stamp).isEmpty(), "flipped at " + at);
      assertTrue(isAnySpoiledKept());
      try (CpuModel model = load()) {
        assertEquals(root, model.identity().root());
      }
      assertEquals(root, kept.find(stamp).orElseThrow().root());
    }
    try (RandomAccessFile file = new RandomAccessFile(record().toFile(), "rw")) {
      file.setLength(size / 2);
    }
    assertTrue(kept.find(stamp).isEmpty());
  }

  private boolean isAnySpoiledKept() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("identities"))) {
      return files.anyMatch(file -> file.toString().endsWith(".bad"));
    }
  }

  @Test
  void shouldSayWhenNothingCanBeKeptAndGoOn() throws IOException {
    Files.writeString(folder.resolve("identities"), "no folder");
    try (CpuModel model = load()) {
      String notice = model.weightNotice().orElse("");
      assertTrue(notice.contains("is not kept"), notice);
      assertTrue(notice.contains("identities"), notice);
      assertEquals(1, notice.lines().count());
      assertNull(model.trouble());
    }
  }
}
