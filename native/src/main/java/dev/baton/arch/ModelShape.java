package dev.baton.arch;

import java.util.ArrayList;
import java.util.List;

/**
 * What a model computes, as data: nobody asks for its family once this is there. {@link Steps} says
 * in which order, {@link TensorNames} from which tensors.
 *
 * @param architecture as GGUF calls it, for people
 * @param dim width of the residual stream
 * @param vocab tokens, rows of the embedding and of the output matrix
 * @param context positions the model was made for
 * @param blocks the layers
 * @param outputNorm norm of what the output matrix reads
 * @param tied whether the embedding serves as the output matrix
 */
public record ModelShape(
    String architecture,
    int dim,
    int vocab,
    int context,
    List<Block> blocks,
    Norm outputNorm,
    boolean tied) {
  /**
   * @throws IllegalArgumentException naming what is out of its range
   */
  public ModelShape {
    Limits.within("block_count", blocks.size(), Limits.LAYERS); // before memory is taken for them
    blocks = List.copyOf(blocks);
    Limits.within("embedding_length", dim, Limits.DIM);
    Limits.within("vocabulary size", vocab, Limits.VOCAB);
    Limits.within("context_length", context, Limits.CONTEXT);
  }

  /** How many layers there are. */
  public int layers() {
    return blocks.size();
  }

  public Block block(int layer) {
    return blocks.get(layer);
  }

  /** What each layer leaves behind, and what goes from one to the next. */
  public StateTable states() {
    List<List<LayerState>> states = new ArrayList<>();
    List<Integer> boundaries = new ArrayList<>();
    for (Block block : blocks) {
      states.add(List.of(stateOf(block.mixer())));
      boundaries.add(dim * Float.BYTES);
    }
    boundaries.add(dim * Float.BYTES);
    return new StateTable(states, boundaries);
  }

  private static LayerState stateOf(Mixer mixer) {
    return switch (mixer) {
      case Attention attention -> {
        LayerState.Part part = LayerState.Part.ofHalves(attention.kvWidth(), attention.headDim());
        yield new LayerState.Rows(List.of(part, part));
      }
    };
  }

  /** Multiplications and additions of a token for one key, all layers. */
  public long attentionOperationsPerKey() {
    long operations = 0;
    for (Block block : blocks) {
      operations +=
          switch (block.mixer()) {
            case Attention attention -> 4L * attention.width();
          };
    }
    return operations;
  }
}
