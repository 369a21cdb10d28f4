package dev.baton.bench.peer;

import dev.baton.arch.LayerRange;
import dev.baton.arch.ModelShape;
import dev.baton.arch.Steps;
import dev.baton.arch.TensorNames;
import dev.baton.arch.Weight;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.KvGeometry;

/**
 * What a model's tokens cost at the least, to say how much of a machine they take.
 *
 * @param weightBytes of all matrices that a decode step reads: the layers' and the output's
 * @param layerOps multiplications and additions of a token in the layers' matrices
 * @param outputOps the same in the output matrix
 * @param kvBytesPerKey K and V of one position in the cache, all layers
 * @param attentionOpsPerKey multiplications and additions of a token for one key, all layers
 */
record ModelWork(
    long weightBytes, long layerOps, long outputOps, long kvBytesPerKey, long attentionOpsPerKey) {
  static ModelWork of(GgufFile file, ModelShape shape) {
    GgufTensor output = file.tensor(TensorNames.output(shape.tied()));
    long bytes = output.byteSize();
    long elements = 0;
    for (Weight weight : Steps.weights(Steps.of(shape).of(LayerRange.all(shape.layers())))) {
      if (!weight.isVector()) {
        GgufTensor tensor = file.tensor(weight.name());
        bytes += tensor.byteSize();
        elements += tensor.rows() * tensor.cols();
      }
    }
    return new ModelWork(
        bytes,
        2 * elements,
        2 * output.rows() * output.cols(),
        shape.layers() * (long) KvGeometry.of(shape).tokenBytes(),
        shape.attentionOperationsPerKey());
  }

  /** Operations of a prompt from the first position on, of which the last row meets the output. */
  double prefillOps(int tokens) {
    return (double) layerOps * tokens
        + outputOps
        + attentionOpsPerKey * (tokens * (tokens + 1.0) / 2);
  }

  /** Bytes that a decode step reads behind {@code depth} tokens, in the middle of an answer. */
  double decodeBytes(int depth, int tokens) {
    return weightBytes + kvBytesPerKey * (depth + (tokens + 1) / 2.0);
  }
}
