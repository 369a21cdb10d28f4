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
    private @Nullable Joined joined;

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
      MemorySegment queries = ggml.permute(ctx, q, 0, 2, 1, 3); // (heads, rows, headDim)
      MemorySegment mask = in().queries(narrowed).masks().get(number);
      MemorySegment result;
      if (run.isInPlace()) {
        int first = run.pieces().getFirst().firstSlot();
        MemorySegment k = byHead(attention, kv.keys(layer), first, run.kvSlots());
        MemorySegment v = byHead(attention, kv.values(layer), first, run.kvSlots());
        result = attended(attention, queries, k, v, mask);
      } else {
        joined = joined == null ? Joined.of(ggml, ctx, kv, rows()) : joined;
        join(run, kv.keys(layer), joined.keys());
        join(run, kv.values(layer), joined.values());
        MemorySegment k = byHead(attention, joined.keys(), 0, run.kvSlots());
        MemorySegment v = byHead(attention, joined.values(), 0, run.kvSlots());
        result = attended(attention, queries, k, v, mask);
        graph.add(result); // before the next run's keys come where these are
      }
      return ggml.reshape2d(ctx, result, attention.width(), count);
    }

    /**
     * (rows, heads, headDim).
     *
     * @param k (kvHeads, kvSlots, headDim), as is v
     */
    private MemorySegment attended(
        Attention attention,
        MemorySegment queries,
        MemorySegment k,
        MemorySegment v,
        MemorySegment mask) {
      float scale = attention.scale();
      if (flash) {
        return keep(ggml.flashAttnExt(ctx, queries, k, v, mask, scale, 0, 0));
      }
      MemorySegment scores = keep(ggml.mulMat(ctx, k, queries)); // (heads, rows, kvSlots)
      MemorySegment shares = keep(ggml.softMaxExt(ctx, scores, mask, scale, 0));
      MemorySegment turned = keep(ggml.cont(ctx, ggml.transpose(ctx, v)));
      MemorySegment out = keep(ggml.mulMat(ctx, turned, shares)); // (heads, rows, headDim)
      return keep(ggml.cont(ctx, ggml.permute(ctx, out, 0, 2, 1, 3)));
    }

    /** Copies what attention reads to where it follows each other. */
    private void join(GgmlShape.Run run, MemorySegment rows, MemorySegment to) {
      long rowBytes = (long) kv.rowValues() * Short.BYTES;
      long done = 0;
      for (GgmlReads.Piece piece : run.pieces()) {
        MemorySegment from = slots(rows, piece.slots(), piece.firstSlot() * rowBytes);
        graph.add(keep(ggml.cpy(ctx, from, slots(to, piece.slots(), done * rowBytes))));
        done += piece.slots();
      }
    }

    private MemorySegment slots(MemorySegment rows, int count, long offset) {
      int width = kv.rowValues();
      return ggml.view2d(ctx, rows, width, count, (long) width * Short.BYTES, offset);
    }

    /** Slots head by head. */
    private MemorySegment byHead(Attention attention, MemorySegment rows, int first, int slots) {
      long rowBytes = (long) attention.kvWidth() * Short.BYTES;
      return ggml.view3d(
          ctx,
          rows,
          attention.headDim(),
          slots,
          attention.kvHeads(),
          rowBytes,
          (long) attention.headDim() * Short.BYTES,
          first * rowBytes);
    }
  }

  /** Keys and values of a run whose slots do not follow each other; one run after another. */
  private record Joined(MemorySegment keys, MemorySegment values) {
    /** With room to spare: as a sequence grows, memory is not to be taken for it at each step. */
    static Joined of(GgmlTensors ggml, MemorySegment ctx, GgmlKv kv, GgmlShape shape) {
      int slots = Integer.highestOneBit(2 * shape.joinedSlots() - 1);
      return new Joined(
          ggml.newTensor2d(ctx, GgmlTensors.F16, kv.rowValues(), slots),
          ggml.newTensor2d(ctx, GgmlTensors.F16, kv.rowValues(), slots));
    }
  }
}
