package dev.baton.arch;

import static dev.baton.gguf.GgufException.quoted;

import dev.baton.gguf.GgmlType;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Whether a file's tensors are those that a shape asks for, and no more. */
public final class TensorCheck {
  /** What some converters leave in; it repeats what the metadata says. */
  private static final String ROTATION = ".attn_rot_embd";

  private static final Set<GgmlType> FLOATS = Set.of(GgmlType.F32, GgmlType.F16, GgmlType.BF16);

  private final GgufFile file;

  private TensorCheck(GgufFile file) {
    this.file = file;
  }

  /**
   * Checks that {@code file} holds every tensor that the steps of {@code shape} need, in the size
   * that they ask for, and none that would have to be left out.
   *
   * @throws ModelException naming the tensor, what was wanted and what was found
   */
  public static void check(GgufFile file, ModelShape shape) {
    if (file.tensors().isEmpty()) {
      throw new ModelException(
          file.path() + ": it holds a vocabulary only and cannot run; take the complete model");
    }
    TensorCheck check = new TensorCheck(file);
    Set<String> known = new HashSet<>();
    for (Weight weight : wanted(shape)) {
      check.checkOne(weight);
      known.add(weight.name());
    }
    file.tensors().forEach(tensor -> check.refuseUnknown(tensor, known));
  }

  /** Every weight of a model. */
  public static List<Weight> wanted(ModelShape shape) {
    Steps steps = Steps.of(shape);
    List<Weight> wanted = new ArrayList<>();
    wanted.add(Weight.matrix(TensorNames.EMBEDDING, shape.dim(), shape.vocab()));
    wanted.addAll(Steps.weights(steps.of(LayerRange.all(shape.layers()))));
    wanted.addAll(Steps.weights(steps.output()));
    return wanted;
  }

  private void checkOne(Weight weight) {
    long[] wanted = weight.dims().stream().mapToLong(Long::longValue).toArray();
    GgufTensor tensor =
        file.find(weight.name())
            .orElseThrow(
                () -> refused(weight.name(), "is missing, wanted " + Arrays.toString(wanted)));
    // Dimensions of 1 at the end say nothing, and writers differ in leaving them out.
    if (!Arrays.equals(withoutOnes(wanted), withoutOnes(tensor.dims()))) {
      throw refused(
          tensor.name(),
          "wanted the shape " + Arrays.toString(wanted) + ", found " + tensor.shape());
    }
    if (weight.isVector() && !FLOATS.contains(tensor.type())) {
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

  private void refuseUnknown(GgufTensor tensor, Set<String> known) {
    String name = tensor.name();
    if (!known.contains(name) && !name.contains(ROTATION)) {
      throw refused(name, "is not run by this version, and without it the answer would be another");
    }
  }

  private ModelException refused(String tensor, String problem) {
    return new ModelException(
        file.path() + ": tensor " + quoted(tensor) + ": " + problem + "; take another model");
  }
}
