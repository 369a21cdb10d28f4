package dev.baton.arch.family;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.baton.arch.ModelException;
import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufException;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufValueType;
import dev.baton.gguf.GgufWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first cause is told: what a file is, before what its tensors lack. */
class ModelKindTest {
  @TempDir private Path folder;

  @Test
  void shouldNameTheKindOfFileAndTheToolThatHelps() throws IOException {
    assertTold(
        "it is an adapter (LoRA), not a model; merge it into its base model with llama.cpp's"
            + " llama-export-lora",
        "lora.gguf",
        w -> w.string("general.type", "adapter").string("general.architecture", "llama"));
    assertTold(
        "it is an importance matrix, not a model: llama.cpp's llama-quantize makes a model with it"
            + " (--imatrix)",
        "imatrix.gguf",
        w -> w.string("general.type", "imatrix").integer("imatrix.chunk_count", 3));
    assertTold(
        "it is the part that turns images or sound into embeddings (mmproj), not a model; name the"
            + " model's own .gguf file",
        "mmproj.gguf",
        w -> w.string("general.type", "mmproj").string("general.architecture", "clip"));
    assertTold(
        "it is a control vector, not a model; name the model's own .gguf file",
        "vector.gguf",
        w -> w.string("general.architecture", "controlvector"));
    assertTold(
        "it is of the type 'dataset', not a model; take a model",
        "dataset.gguf",
        w -> w.string("general.type", "dataset"));
  }

  @Test
  void shouldSayHowThePartsOfASplitModelAreJoined() throws IOException {
    Consumer<GgufWriter> second =
        w ->
            w.integer("split.no", GgufValueType.UINT16, 1)
                .integer("split.count", GgufValueType.UINT16, 3);
    assertTold(
        "it is one of 3 parts of a split model; join them with llama.cpp's 'llama-gguf-split"
            + " --merge fox-00001-of-00003.gguf fox.gguf'",
        "fox-00002-of-00003.gguf",
        second);
    assertTold(
        "it is one of 3 parts of a split model; join them with llama.cpp's 'llama-gguf-split"
            + " --merge FIRST-PART WHOLE'",
        "fox.gguf",
        second);
  }

  @Test
  void shouldNameTheArchitectureBeforeATensorTypeThatIsNotRead() throws IOException {
    assertTold(
        "architecture 'gpt-oss' is not run by this version, which runs 'llama'; take another model",
        "oss.gguf",
        w -> w.string("general.architecture", "gpt-oss"));
    assertTold(
        "mixture-of-experts models (expert_count) are not run by this version; take another model",
        "moe.gguf",
        w -> w.string("general.architecture", "llama").integer("llama.expert_count", 8));
  }

  /** The file's one tensor is in MXFP4, whose number is 39. */
  private void assertTold(String why, String name, Consumer<GgufWriter> metadata)
      throws IOException {
    GgufWriter writer = new GgufWriter();
    metadata.accept(writer);
    String tensor = "blk.0.experts";
    writer.tensor(tensor, GgmlType.F32, new long[] {32}, MemorySegment.ofArray(new float[32]));
    Path file = folder.resolve(name);
    writer.write(file);
    byte[] bytes = Files.readAllBytes(file);
    int type = new String(bytes, ISO_8859_1).indexOf(tensor) + tensor.length() + 4 + 8;
    bytes[type] = 39;
    Files.write(file, bytes);
    ModelException refused =
        assertThrows(
            ModelException.class,
            () -> GgufFile.open(file, keys -> ModelKind.requireRunnable(file, keys)).close());
    assertEquals(file + ": " + why, refused.getMessage());
    assertThrows(GgufException.class, () -> GgufFile.open(file).close());
    try (GgufFile opened = GgufFile.openMetadata(file)) {
      assertEquals(0, opened.tensors().size());
    }
  }
}
