package dev.baton.ggml;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Describes one layer of a llama-family transformer as a graph of ggml's operations. Shapes here
 * name the rows first, as everywhere in Baton; ggml names the length of a row first.
 */
final class GgmlLayers {
  private final GgmlTensors ggml;
  private final GgmlWeights weights;
  private final GgmlKv kv;
  private final ModelConfig config;
  private final boolean flash;
  private final float scale;

  /**
   * @param flash whether the device has flash attention for this model
   */
  GgmlLayers(GgmlTensors ggml, GgmlWeights weights, GgmlKv kv, ModelConfig config, boolean flash) {
    this.ggml = ggml;
    this.weights = weights;
    this.kv = kv;
    this.config = config;
    this.flash = flash;
    this.scale = (float) (1.0 / Math.sqrt(config.headDim()));
  }

  /**
   * Describes a layer.
   *
   * @param gathers whether only the wanted rows go on behind its KV
   * @return its operations
   */
  List<MemorySegment> describe(GgmlGraph graph, int index, GgmlInputs in, boolean gathers) {
    Builder builder = new Builder(graph.context(), in.shape());
    GgmlWeights.Layer layer = weights.layer(index);
    MemorySegment x = in.hidden(index);
    MemorySegment normed = builder.norm(x, layer.attentionNorm());
    graph.add(builder.storeKeys(index, layer, normed, in));
    graph.add(builder.storeValues(index, layer, normed, in));
    if (gathers) {
      if (in.shape().wanted() == 0) {
        return builder.operations;
      }
      x = builder.keep(ggml.getRows(graph.context(), x, in.wantedRows()));
      normed = builder.norm(x, layer.attentionNorm());
    }
    MemorySegment attended = builder.attention(index, layer, normed, in, gathers);
    x = builder.add(builder.product(layer.attentionOut(), attended), x);
    x = builder.add(builder.feedForward(layer, x), x);
    graph.add(builder.keep(ggml.cpy(graph.context(), x, in.result(index, gathers))));
    return builder.operations;
  }

  /** Describes the final norm and the output matrix for so many rows. */
  void describeLogits(GgmlGraph graph, int rows, GgmlWorkspace workspace) {
    Builder builder = new Builder(graph.context(), GgmlShape.sample(rows));
    MemorySegment in = firstRows(graph, workspace.logitsIn(), config.dim(), rows);
    MemorySegment out = firstRows(graph, workspace.logitsOut(), config.vocab(), rows);
    MemorySegment normed = builder.norm(in, weights.outputNorm());
    graph.add(ggml.cpy(graph.context(), builder.product(weights.output(), normed), out));
  }

  private MemorySegment firstRows(GgmlGraph graph, MemorySegment whole, int cols, int rows) {
    return ggml.view2d(graph.context(), whole, cols, rows, (long) cols * Float.BYTES, 0);
  }

  /** The operations of one graph as they are described. */
  private final class Builder {
    private final MemorySegment ctx;
    private final GgmlShape shape;
    private final List<MemorySegment> operations = new ArrayList<>();

    Builder(MemorySegment ctx, GgmlShape shape) {
      this.ctx = ctx;
      this.shape = shape;
    }

    MemorySegment keep(MemorySegment operation) {
      operations.add(operation);
      return operation;
    }

    MemorySegment norm(MemorySegment x, MemorySegment weight) {
      return keep(ggml.mul(ctx, keep(ggml.rmsNorm(ctx, x, config.rmsEps())), weight));
    }

    MemorySegment product(MemorySegment matrix, MemorySegment x) {
      return keep(ggml.mulMat(ctx, matrix, x));
    }

    MemorySegment add(MemorySegment a, MemorySegment b) {
      return keep(ggml.add(ctx, a, b));
    }

    /** (rows, heads, headDim), turned. */
    MemorySegment rope(MemorySegment x, MemorySegment positions, int heads, int rows) {
      MemorySegment split = ggml.reshape3d(ctx, x, config.headDim(), heads, rows);
      return keep(
          ggml.ropeExt(
              ctx,
              split,
              positions,
              weights.ropeFactors(),
              config.ropeDim(),
              0, // pairs of neighbours, as GGUF has them for this architecture
              config.contextLength(),
              (float) config.ropeBase(),
              (float) (1 / config.ropeScale()),
              0,
              1,
              32,
              1));
    }

    MemorySegment storeKeys(
        int index, GgmlWeights.Layer layer, MemorySegment normed, GgmlInputs in) {
      MemorySegment k =
          rope(
              product(layer.k(), normed),
              in.queries(false).positions(),
              config.kvHeads(),
              shape.rows());
      MemorySegment rows = ggml.reshape2d(ctx, k, kvDim(), shape.rows());
      return keep(ggml.setRows(ctx, kv.keys(index), rows, in.slots()));
    }

    MemorySegment storeValues(
        int index, GgmlWeights.Layer layer, MemorySegment normed, GgmlInputs in) {
      return keep(ggml.setRows(ctx, kv.values(index), product(layer.v(), normed), in.slots()));
    }

    /**
     * (rows, heads * headDim), or of the wanted rows: each run over its own sequence's slots, and
     * from there to its rows of the whole.
     */
    MemorySegment attention(
        int index,
        GgmlWeights.Layer layer,
        MemorySegment normed,
        GgmlInputs in,
        boolean onlyWanted) {
      GgmlInputs.Queries queries = in.queries(onlyWanted);
      int rows = onlyWanted ? shape.wanted() : shape.rows();
      MemorySegment q = rope(product(layer.q(), normed), queries.positions(), config.heads(), rows);
      MemorySegment out = MemorySegment.NULL;
      int first = 0;
      for (int i = 0; i < shape.runs().size(); i++) {
        GgmlShape.Run run = shape.runs().get(i);
        int count = run.rows(onlyWanted);
        if (count == 0) {
          continue;
        }
        MemorySegment part = attentionOf(index, run, rows(q, first, count), queries, i, count);
        if (count == rows) {
          return part;
        }
        if (first == 0) {
          out = ggml.newTensor2d(ctx, GgmlTensors.F32, qDim(), rows);
        }
        MemorySegment numbers = in.rowNumbers(ctx, first, count);
        out = keep(ggml.setRows(ctx, out, part, numbers)); // each after the one before
        first += count;
      }
      return out;
    }

    /** Rows [first, first + count) of (rows, heads, headDim). */
    private MemorySegment rows(MemorySegment q, int first, int count) {
      long headBytes = (long) config.headDim() * Float.BYTES;
      long rowBytes = config.heads() * headBytes;
      return ggml.view3d(
          ctx, q, config.headDim(), config.heads(), count, headBytes, rowBytes, first * rowBytes);
    }

    private MemorySegment attentionOf(
        int index,
        GgmlShape.Run run,
        MemorySegment q,
        GgmlInputs.Queries inputs,
        int number,
        int rows) {
      MemorySegment queries = ggml.permute(ctx, q, 0, 2, 1, 3); // (heads, rows, headDim)
      MemorySegment k = byHead(kv.keys(index), run); // (kvHeads, kvSlots, headDim)
      MemorySegment v = byHead(kv.values(index), run);
      MemorySegment mask = inputs.masks().get(number);
      if (flash) {
        MemorySegment out = keep(ggml.flashAttnExt(ctx, queries, k, v, mask, scale, 0, 0));
        return ggml.reshape2d(ctx, out, qDim(), rows);
      }
      MemorySegment scores = keep(ggml.mulMat(ctx, k, queries)); // (heads, rows, kvSlots)
      MemorySegment shares = keep(ggml.softMaxExt(ctx, scores, mask, scale, 0));
      MemorySegment turned = keep(ggml.cont(ctx, ggml.transpose(ctx, v)));
      MemorySegment out = keep(ggml.mulMat(ctx, turned, shares)); // (heads, rows, headDim)
      MemorySegment byRow = keep(ggml.cont(ctx, ggml.permute(ctx, out, 0, 2, 1, 3)));
      return ggml.reshape2d(ctx, byRow, qDim(), rows);
    }

    /** The slots that attention reads, head by head. */
    private MemorySegment byHead(MemorySegment rows, GgmlShape.Run run) {
      long rowBytes = (long) kvDim() * Short.BYTES;
      return ggml.view3d(
          ctx,
          rows,
          config.headDim(),
          run.kvSlots(),
          config.kvHeads(),
          rowBytes,
          (long) config.headDim() * Short.BYTES,
          run.firstSlot() * rowBytes);
    }

    MemorySegment feedForward(GgmlWeights.Layer layer, MemorySegment x) {
      MemorySegment normed = norm(x, layer.ffnNorm());
      MemorySegment gate = product(layer.gate(), normed);
      MemorySegment up = product(layer.up(), normed);
      return product(layer.down(), keep(ggml.swigluSplit(ctx, gate, up)));
    }

    private long qDim() {
      return (long) config.heads() * config.headDim();
    }

    private int kvDim() {
      return config.kvHeads() * config.headDim();
    }
  }
}
