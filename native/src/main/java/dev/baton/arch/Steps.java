package dev.baton.arch;

import dev.baton.arch.TensorNames.Role;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A {@link ModelShape} as the operations it takes, in their order: the structure of a model stands
 * here once. The CPU's pass runs them, ggml's pass makes a graph of them, files are checked for the
 * weights that they name.
 *
 * @param layers the steps of each layer, from {@link Value#HIDDEN} to {@link Value#HIDDEN}
 * @param output those of the rows behind the last layer that are wanted, to {@link Value#LOGITS}
 */
public record Steps(List<List<Step>> layers, List<Step> output) {
  /** The steps of a model. */
  public static Steps of(ModelShape shape) {
    List<List<Step>> layers = new ArrayList<>();
    for (int layer = 0; layer < shape.layers(); layer++) {
      layers.add(List.copyOf(new Layer(shape, layer).steps()));
    }
    Weight norm = Weight.vector(TensorNames.OUTPUT_NORM, shape.dim());
    Weight matrix = Weight.matrix(TensorNames.output(shape.tied()), shape.dim(), shape.vocab());
    return new Steps(
        List.copyOf(layers),
        List.of(
            new Step.Normalize(norm, shape.outputNorm().eps(), Value.HIDDEN, Value.OUTPUT_IN),
            new Step.Project(matrix, Value.OUTPUT_IN, Value.LOGITS, false)));
  }

  /** How one layer is put together. */
  private static final class Layer {
    private final ModelShape shape;
    private final int index;
    private final Block block;
    private final List<Step> steps = new ArrayList<>();

    Layer(ModelShape shape, int index) {
      this.shape = shape;
      this.index = index;
      this.block = shape.block(index);
    }

    List<Step> steps() {
      switch (block.mixer()) {
        case Attention attention -> attention(attention);
      }
      switch (block.ffn()) {
        case Ffn.Dense dense -> dense(dense);
      }
      return steps;
    }

    private Step.Normalize norm(Role role, Norm norm, Value to) {
      Weight weight = Weight.vector(role.in(index), shape.dim());
      return new Step.Normalize(weight, norm.eps(), Value.HIDDEN, to);
    }

    private void project(Role role, Value from, int cols, Value to, int rows) {
      Weight weight = Weight.matrix(role.in(index), cols, rows);
      steps.add(new Step.Project(weight, from, to, to == Value.HIDDEN));
    }

    private void attention(Attention attention) {
      Step norm = norm(Role.ATTENTION_NORM, block.before(), Value.ATTENTION_IN);
      steps.add(norm);
      project(Role.K, Value.ATTENTION_IN, shape.dim(), Value.K, attention.kvWidth());
      project(Role.V, Value.ATTENTION_IN, shape.dim(), Value.V, attention.kvWidth());
      steps.add(turned(Value.K, attention.kvHeads(), attention));
      steps.add(new Step.Store(Value.K, Value.V));
      if (index == shape.layers() - 1) {
        steps.add(new Step.Narrow(List.of(norm)));
      }
      project(Role.Q, Value.ATTENTION_IN, shape.dim(), Value.Q, attention.width());
      steps.add(turned(Value.Q, attention.heads(), attention));
      steps.add(new Step.Attend(attention, Value.Q, Value.ATTENDED));
      project(Role.ATTENTION_OUT, Value.ATTENDED, attention.width(), Value.HIDDEN, shape.dim());
    }

    private static Step turned(Value x, int heads, Attention attention) {
      return new Step.Rotate(x, heads, attention.headDim(), attention.rope());
    }

    private void dense(Ffn.Dense dense) {
      steps.add(norm(Role.FFN_NORM, block.beforeFfn(), Value.FFN_IN));
      project(Role.GATE, Value.FFN_IN, shape.dim(), Value.GATE, dense.width());
      project(Role.UP, Value.FFN_IN, shape.dim(), Value.UP, dense.width());
      steps.add(new Step.Activate(dense.activation(), Value.GATE, Value.UP, Value.ACTIVATED));
      project(Role.DOWN, Value.ACTIVATED, dense.width(), Value.HIDDEN, shape.dim());
    }
  }

  /** The steps of some layers, one after the other. */
  public List<Step> of(LayerRange range) {
    return layers.subList(range.from(), range.to()).stream().flatMap(List::stream).toList();
  }

  /** What whoever holds some layers runs: their steps, and the output's behind the last layer. */
  public List<Step> held(LayerRange range) {
    List<Step> held = new ArrayList<>(of(range));
    if (range.to() == layers.size()) {
      held.addAll(output);
    }
    return held;
  }

  /** The weights that some steps name, each once, in the order of their use. */
  public static List<Weight> weights(List<Step> steps) {
    List<Weight> weights = new ArrayList<>();
    for (Step step : steps) {
      switch (step) {
        case Step.Normalize norm -> weights.add(norm.weight());
        case Step.Project project -> weights.add(project.weight());
        case Step.Rotate rotate -> Stream.ofNullable(rotate.rope().factors()).forEach(weights::add);
        case Step.Store _, Step.Narrow _, Step.Attend _, Step.Activate _ -> {
          // They have none of their own.
        }
      }
    }
    return weights.stream().distinct().toList();
  }

  /** How many floats a row of each value has; the most where layers differ. */
  public Map<Value, Integer> widths() {
    Map<Value, Integer> widths = new EnumMap<>(Value.class);
    List<Step> all = new ArrayList<>(output);
    layers.forEach(all::addAll);
    for (Step step : all) {
      switch (step) {
        case Step.Normalize norm -> {
          widths.merge(norm.from(), norm.weight().cols(), Math::max);
          widths.merge(norm.to(), norm.weight().cols(), Math::max);
        }
        case Step.Project project -> widths.merge(project.to(), project.weight().rows(), Math::max);
        case Step.Attend attend -> widths.merge(attend.to(), attend.attention().width(), Math::max);
        case Step.Activate activate ->
            widths.merge(activate.to(), widths.getOrDefault(activate.gate(), 0), Math::max);
        case Step.Rotate _, Step.Store _, Step.Narrow _ -> {
          // What they touch is another step's.
        }
      }
    }
    return widths;
  }
}
