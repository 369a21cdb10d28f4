package dev.baton.ggml;

import dev.baton.arch.Attention;
import dev.baton.arch.ModelShape;
import dev.baton.arch.Rope;
import dev.baton.arch.Step;
import dev.baton.arch.Steps;
import dev.baton.arch.Value;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Describes the steps of a layer as a graph of ggml's operations. Shapes here name the rows first,
 * as everywhere in Baton; ggml names the length of a row first.
 */
final class GgmlLayers {
  private final GgmlTensors ggml;
  private final GgmlWeights weights;
  private final GgmlKv kv;
  private final ModelShape shape;
  private final Steps steps;
  private final boolean flash;

  /**
   * @param flash whether the device has flash attention for this model
   */
  GgmlLayers(GgmlTensors ggml, GgmlWeights weights, GgmlKv kv, ModelShape shape, boolean flash) {
    this.ggml = ggml;
    this.weights = weights;
    this.kv = kv;
    this.shape = shape;
    this.steps = Steps.of(shape);
    this.flash = flash;
  }

  /**
   * Describes a layer.
   *
   * @param gathers whether only the wanted rows go on behind its KV
   * @return its operations
   */
  List<MemorySegment> describe(GgmlGraph graph, int index, GgmlInputs in, boolean gathers) {
    Builder builder = new Builder(graph, in, index, gathers);
    builder.values.put(Value.HIDDEN, in.hidden(index));
    if (builder.takeAll(steps.layers().get(index))) {
      MemorySegment result = builder.value(Value.HIDDEN);
      graph.add(builder.keep(ggml.cpy(graph.context(), result, in.result(index, gathers))));
    }
    return builder.operations;
  }

  /** Describes the final norm and the output matrix for so many rows. */
  void describeLogits(GgmlGraph graph, int rows, GgmlWorkspace workspace) {
    Builder builder = new Builder(graph, null, shape.layers(), false);
    MemorySegment in = firstRows(graph, workspace.logitsIn(), shape.dim(), rows);
    MemorySegment out = firstRows(graph, workspace.logitsOut(), shape.vocab(), rows);
    builder.values.put(Value.HIDDEN, in);
    boolean _ = builder.takeAll(steps.output());
    graph.add(ggml.cpy(graph.context(), builder.value(Value.LOGITS), out));
  }

  private MemorySegment firstRows(GgmlGraph graph, MemorySegment whole, int cols, int rows) {
    return ggml.view2d(graph.context(), whole, cols, rows, (long) cols * Float.BYTES, 0);
  }

  /** The operations of one graph as they are described. */
  private final class Builder {
    private final GgmlGraph graph;
    private final MemorySegment ctx;
    private final @Nullable GgmlInputs inputs;
    private final int layer;
    private final boolean gathers;
    private final Map<Value, MemorySegment> values = new EnumMap<>(Value.class);
    private final List<MemorySegment> operations = new ArrayList<>();
    private boolean narrowed; // to the wanted rows

    Builder(GgmlGraph graph, @Nullable GgmlInputs inputs, int layer, boolean gathers) {
      this.graph = graph;
      this.ctx = graph.context();
      this.inputs = inputs;
      this.layer = layer;
      this.gathers = gathers;
    }

    private GgmlInputs in() {
      return Objects.requireNonNull(inputs);
    }

    private GgmlShape rows() {
      return in().shape();
    }

    MemorySegment keep(MemorySegment operation) {
      operations.add(operation);
      return operation;
    }

    MemorySegment value(Value value) {
      return Objects.requireNonNull(values.get(value));
    }

    /** False where no row is wanted behind what is described. */
    boolean takeAll(List<Step> some) {
      for (Step step : some) {
        if (!take(step)) {
          return false;
        }
      }
      return true;
    }

    private boolean take(Step step) {
      switch (step) {
        case Step.Normalize norm -> {
          MemorySegment x = keep(ggml.rmsNorm(ctx, value(norm.from()), norm.eps()));
          values.put(norm.to(), keep(ggml.mul(ctx, x, weights.of(norm.weight()))));
        }
        case Step.Project project -> {
          MemorySegment x = value(project.from());
          MemorySegment product = keep(ggml.mulMat(ctx, weights.of(project.weight()), x));
          values.put(
              project.to(),
              project.adds() ? keep(ggml.add(ctx, product, value(project.to()))) : product);
        }
        case Step.Rotate rotate -> values.put(rotate.x(), rotated(rotate));
        case Step.Store store -> store(store);
        case Step.Narrow narrow -> {
          return !gathers || narrow(narrow);
        }
        case Step.Attend attend -> values.put(attend.to(), attended(attend));
        case Step.Activate activate -> values.put(activate.to(), activated(activate));
      }
      return true;
    }

    /** (rows, heads, headDim), turned. */
    private MemorySegment rotated(Step.Rotate rotate) {
      Rope rope = rotate.rope();
      int count = narrowed ? rows().wanted() : rows().rows();
      MemorySegment split =
          ggml.reshape3d(ctx, value(rotate.x()), rotate.headDim(), rotate.heads(), count);
      return keep(
          ggml.ropeExt(
              ctx,
              split,
              in().queries(narrowed).positions(),
              rope.factors() == null ? MemorySegment.NULL : weights.of(rope.factors()),
              rope.dims(),
              mode(rope.pairing()),
              shape.context(),
              (float) rope.base(),
              (float) (1 / rope.stretch()),
              0,
              1,
              32,
              1));
    }

    private static int mode(Rope.Pairing pairing) {
      return switch (pairing) {
        case NEIGHBOURS -> 0;
      };
    }

    private void store(Step.Store store) {
      int width = kv.rowValues();
      MemorySegment keys = ggml.reshape2d(ctx, value(store.keys()), width, rows().rows());
      MemorySegment slots = in().slots();
      graph.add(keep(ggml.setRows(ctx, kv.keys(layer), keys, slots)));
      graph.add(keep(ggml.setRows(ctx, kv.values(layer), value(store.values()), slots)));
    }

    private boolean narrow(Step.Narrow narrow) {
      if (rows().wanted() == 0) {
        return false;
      }
      MemorySegment wanted = ggml.getRows(ctx, value(Value.HIDDEN), in().wantedRows());
      values.put(Value.HIDDEN, keep(wanted));
      narrowed = true;
      return takeAll(narrow.again());
    }

    private MemorySegment activated(Step.Activate activate) {
      return switch (activate.activation()) {
        case SWIGLU -> keep(ggml.swigluSplit(ctx, value(activate.gate()), value(activate.up())));
      };
    }

    /**
     * (rows, heads * headDim), or of the wanted rows: each run over its own sequence's slots, and
     * from there to its rows of the whole.
     */
    private MemorySegment attended(Step.Attend attend) {
      Attention attention = attend.attention();
      MemorySegment q = value(attend.queries());
      int rows = narrowed ? rows().wanted() : rows().rows();
      MemorySegment out = MemorySegment.NULL;
      int first = 0;
      for (int i = 0; i < rows().runs().size(); i++) {
        int count = rows().runs().get(i).rows(narrowed);
        if (count == 0) {
          continue;
        }
        MemorySegment part = attendedOf(attention, i, rows(attention, q, first, count), count);
        if (count == rows) {
          return part;
        }
        if (first == 0) {
          out = ggml.newTensor2d(ctx, GgmlTensors.F32, attention.width(), rows);
        }
        MemorySegment numbers = in().rowNumbers(ctx, first, count);
        out = keep(ggml.setRows(ctx, out, part, numbers)); // each after the one before
        first += count;
      }
      return out;
    }

    /** Rows [first, first + count) of (rows, heads, headDim). */
    private MemorySegment rows(Attention attention, MemorySegment q, int first, int count) {
      long headBytes = (long) attention.headDim() * Float.BYTES;
      long rowBytes = attention.heads() * headBytes;
      return ggml.view3d(
          ctx,
          q,
          attention.headDim(),
          attention.heads(),
          count,
          headBytes,
          rowBytes,
          first * rowBytes);
    }

    private MemorySegment attendedOf(Attention attention, int number, MemorySegment q, int count) {
      GgmlShape.Run run = rows().runs().get(number);
      float scale = attention.scale();
      MemorySegment queries = ggml.permute(ctx, q, 0, 2, 1, 3); // (heads, rows, headDim)
      MemorySegment k = byHead(attention, kv.keys(layer), run); // (kvHeads, kvSlots, headDim)
      MemorySegment v = byHead(attention, kv.values(layer), run);
      MemorySegment mask = in().queries(narrowed).masks().get(number);
      if (flash) {
        MemorySegment out = keep(ggml.flashAttnExt(ctx, queries, k, v, mask, scale, 0, 0));
        return ggml.reshape2d(ctx, out, attention.width(), count);
      }
      MemorySegment scores = keep(ggml.mulMat(ctx, k, queries)); // (heads, rows, kvSlots)
      MemorySegment shares = keep(ggml.softMaxExt(ctx, scores, mask, scale, 0));
      MemorySegment turned = keep(ggml.cont(ctx, ggml.transpose(ctx, v)));
      MemorySegment out = keep(ggml.mulMat(ctx, turned, shares)); // (heads, rows, headDim)
      MemorySegment byRow = keep(ggml.cont(ctx, ggml.permute(ctx, out, 0, 2, 1, 3)));
      return ggml.reshape2d(ctx, byRow, attention.width(), count);
    }

    /** The slots that attention reads, head by head. */
    private MemorySegment byHead(Attention attention, MemorySegment rows, GgmlShape.Run run) {
      long rowBytes = (long) attention.kvWidth() * Short.BYTES;
      return ggml.view3d(
          ctx,
          rows,
          attention.headDim(),
          run.kvSlots(),
          attention.kvHeads(),
          rowBytes,
          (long) attention.headDim() * Short.BYTES,
          run.firstSlot() * rowBytes);
    }
  }
}
