package dev.baton.arch;

import java.util.List;

/** One operation of a layer over the rows of a batch. What {@link Steps} are made of. */
public sealed interface Step {
  /** RMSNorm of {@code from}, ready to be multiplied with matrices. */
  record Normalize(Weight weight, float eps, Value from, Value to) implements Step {}

  /**
   * The product with a matrix.
   *
   * @param adds whether it is added to what stands in {@code to}
   */
  record Project(Weight weight, Value from, Value to, boolean adds) implements Step {}

  /** Turns the heads of {@code x} by their rows' positions, in place. */
  record Rotate(Value x, int heads, int headDim, Rope rope) implements Step {}

  /** Writes K and V to the layer's state at the rows' positions. */
  record Store(Value keys, Value values) implements Step {}

  /**
   * From here on only the rows that are wanted behind the model are computed: theirs of {@link
   * Value#HIDDEN} move together, and {@code again} is done for them. Nothing where all are wanted.
   */
  record Narrow(List<Step> again) implements Step {
    public Narrow {
      again = List.copyOf(again);
    }
  }

  /** Attention of queries over all keys up to their own position. */
  record Attend(Attention attention, Value queries, Value to) implements Step {}

  /** What a gated activation makes of its two inputs. */
  record Activate(Ffn.Activation activation, Value gate, Value up, Value to) implements Step {}
}
