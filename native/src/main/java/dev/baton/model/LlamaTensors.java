package dev.baton.model;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The tensors of a model of architecture {@code llama} and their shapes, in ggml's order (row
 * length first).
 */
final class LlamaTensors {
  /** What some converters leave in; it repeats what the metadata says. */
  private static final String ROTATION = ".attn_rot_embd";

  private static final Set<GgmlType> FLOATS = Set.of(GgmlType.F32, GgmlType.F16, GgmlType.BF16);

  private final GgufFile file;
  private final Map<String, long[]> required = new LinkedHashMap<>();
  private final Map<String, long[]> optional = new LinkedHashMap<>();

  private LlamaTensors(GgufFile file, ModelConfig config) {
    this.file = file;
    long dim = config.dim();
    required.put("token_embd.weight", new long[] {dim, config.vocab()});
    for (int layer = 0; layer < config.layers(); layer++) {
      requireLayer("blk." + layer + ".", config);
    }
    required.put("output_norm.weight", new long[] {dim});
    optional.put("output.weight", new long[] {dim, config.vocab()});
    optional.put("rope_freqs.weight", new long[] {config.ropeDim() / 2});
  }

  private void requireLayer(String prefix, ModelConfig config) {
    long dim = config.dim();
    long ffn = config.ffn();
    long queries = (long) config.heads() * config.headDim();
    long keys = (long) config.kvHeads() * config.headDim();
    required.put(prefix + "attn_norm.weight", new long[] {dim});
    required.put(prefix + "attn_q.weight", new long[] {dim, queries});
    required.put(prefix + "attn_k.weight", new long[] {dim, keys});
    required.put(prefix + "attn_v.weight", new long[] {dim, keys});
    required.put(prefix + "attn_output.weight", new long[] {queries, dim});
    required.put(prefix + "ffn_norm.weight", new long[] {dim});
    required.put(prefix + "ffn_gate.weight", new long[] {dim, ffn});
    required.put(prefix + "ffn_up.weight", new long[] {dim, ffn});
    required.put(prefix + "ffn_down.weight", new long[] {ffn, dim});
  }

  static void check(GgufFile file, ModelConfig config) {
    if (file.tensors().isEmpty()) {
      throw new ModelException(
          file.path() + ": it holds a vocabulary only and cannot run; take the complete model");
    }
    LlamaTensors wanted = new LlamaTensors(file, config);
    wanted.required.forEach((name, shape) ->
        wanted.checkOne(
            file.find(name)
                .orElseThrow(
                    () -> wanted.refused(name, "is missing, wanted " + Arrays.toString(shape))),
            shape));
    wanted.optional.forEach(
        (name, shape) -> file.find(name).ifPresent(tensor -> wanted.checkOne(tensor, shape)));
    file.tensors().forEach(wanted::refuseUnknown);
  }

  private void checkOne(GgufTensor tensor, long[] wanted) {
    // Dimensions of 1 at the end say nothing, and writers differ in leaving them out.
    if (!Arrays.equals(withoutOnes(wanted), withoutOnes(tensor.dims()))) {
      throw refused(
          tensor.name(),
          "wanted the shape " + Arrays.toString(wanted) + ", found " + tensor.shape());
    }
    if (wanted.length == 1 && !FLOATS.contains(tensor.type())) {
      throw refused(tensor.name(), "wanted the type F32, F16 or BF16, found " + tensor.type());
    }
  }

  private static long[] withoutOnes(long[] dims) {
    int length = dims.length;
    while (length > 1 && dims[length - 1] == 1) {
      length--;
    }
    return Arrays.copyOf(dims, length);
  }

  private void refuseUnknown(GgufTensor tensor) {
    String name = tensor.name();
    boolean known = required.containsKey(name) || optional.containsKey(name);
    if (!known && !name.contains(ROTATION)) {
      throw refused(name, "is not run by this version, and without it the answer would be another");
    }
  }

  private ModelException refused(String tensor, String problem) {
    return new ModelException(
        file.path() + ": tensor " + quoted(tensor) + ": " + problem + "; take another model");
  }
}
