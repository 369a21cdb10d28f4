package dev.baton.kvstream;

import dev.baton.arch.StateTable;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The part of a prefill that one node computes for one order: layers [fromLayer, toLayer), from
 * which rows on, and what of it travels to whoever orders it. With equal layers it computes nothing
 * and hands on the rows of another order.
 *
 * @param input what the first of its layers begins with
 * @param state whether the layers' states travel
 * @param rows which rows behind its last layer travel
 * @param rowsTicket by which a third node may ask for these rows, at this node; 0 for none
 */
public record Stage(
    int fromLayer, int toLayer, Input input, boolean state, Rows rows, long rowsTicket) {
  /** Which boundary rows travel. */
  public enum Rows {
    NONE,
    LAST,
    ALL
  }

  /** What a stage begins with. */
  public sealed interface Input {}

  /** The node's own embedding of the tokens, and of those that are given the given one. */
  public record Embedding() implements Input {}

  /**
   * The rows of an order that another node computes.
   *
   * @param node HOST:PORT of that node; empty for the one that is asked itself
   * @param ticket the {@link Stage#rowsTicket} of that order
   */
  public record RowsOf(String node, long ticket) implements Input {
    public RowsOf {
      Objects.requireNonNull(node, "node");
    }
  }

  public Stage {
    Objects.requireNonNull(input, "input");
    Objects.requireNonNull(rows, "rows");
    boolean computes = fromLayer < toLayer;
    boolean handsOn = fromLayer == toLayer && input instanceof RowsOf && !state;
    if (fromLayer < 0
        || !(computes || handsOn)
        || !(state || rows != Rows.NONE || rowsTicket != 0)) {
      throw new IllegalArgumentException(
          "a stage computes layers and something of it travels, got layers ["
              + fromLayer
              + ", "
              + toLayer
              + ")");
    }
  }

  /**
   * The first of two stages: the states of layers [0, boundaryLayer) travel, and all rows there;
   * behind the model's last layer only the last token's.
   */
  public static Stage below(int boundaryLayer, int layers) {
    Rows rows = boundaryLayer < layers ? Rows.ALL : Rows.LAST;
    return new Stage(0, boundaryLayer, new Embedding(), true, rows, 0);
  }

  /** Asks a node for the rows of another order of its: all of them, as they come. */
  public static Stage rowsAt(int boundaryLayer, long ticket) {
    return new Stage(boundaryLayer, boundaryLayer, new RowsOf("", ticket), false, Rows.ALL, 0);
  }

  /** Why a model of these layers has no such stage, or null. */
  public @Nullable String misfit(StateTable model) {
    if (toLayer > model.layerCount()) {
      return "layers up to " + toLayer + " of a model with " + model.layerCount() + " layers";
    }
    boolean cutBehind = (rows != Rows.NONE || rowsTicket != 0) && model.boundaryBytes(toLayer) == 0;
    boolean cutBefore = fromLayer > 0 && model.boundaryBytes(fromLayer) == 0;
    return cutBehind || cutBefore
        ? "the model cannot be cut in front of layer " + (cutBehind ? toLayer : fromLayer)
        : null;
  }

  /** Layers that it computes. */
  public int layers() {
    return toLayer - fromLayer;
  }
}
