package dev.baton.arch;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What a model leaves behind, layer by layer, and what goes from one layer to the next: all that
 * two nodes have to agree on in order to share a request.
 *
 * @param layers each layer's states
 * @param boundaryBytes bytes of one token's row in front of layer b, the last entry behind all
 *     layers: the hidden row, and beside it whatever else the layers from there on need of those
 *     before. 0 where the model cannot be cut. An entry more than layers
 */
public record StateTable(List<List<LayerState>> layers, List<Integer> boundaryBytes) {
  /** Most states of one layer. */
  public static final int MOST_STATES = 255;

  /** Most layers. */
  public static final int MOST_LAYERS = 65_535;

  public StateTable {
    List<List<LayerState>> copy = new ArrayList<>();
    layers.forEach(states -> copy.add(List.copyOf(states)));
    layers = List.copyOf(copy);
    boundaryBytes = List.copyOf(boundaryBytes);
    if (layers.isEmpty()
        || layers.size() > MOST_LAYERS
        || boundaryBytes.size() != layers.size() + 1) {
      throw new IllegalArgumentException(
          "a model has layers and a boundary more than that, got "
              + layers.size()
              + " and "
              + boundaryBytes.size());
    }
    if (boundaryBytes.stream().anyMatch(bytes -> bytes < 0) || boundaryBytes.getLast() == 0) {
      throw new IllegalArgumentException("boundary rows of " + boundaryBytes + " bytes");
    }
    for (int layer = 0; layer < layers.size(); layer++) {
      requireStates(layers, layer);
    }
  }

  private static void requireStates(List<List<LayerState>> layers, int layer) {
    if (layers.get(layer).size() > MOST_STATES) {
      throw new IllegalArgumentException(
          "a layer has no more than " + MOST_STATES + " states, got " + layers.get(layer).size());
    }
    for (LayerState state : layers.get(layer)) {
      if (state instanceof LayerState.SharedWith(int other)
          && (other >= layer
              || layers.get(other).stream().anyMatch(LayerState.SharedWith.class::isInstance))) {
        throw new IllegalArgumentException(
            "layer "
                + layer
                + " shares what layer "
                + other
                + " keeps: that has to come before, and to be its own");
      }
    }
  }

  /**
   * A model whose layers are all alike, and whose boundaries are.
   *
   * @param states each layer's
   */
  public static StateTable alike(int layers, List<LayerState> states, int boundaryBytes) {
    return new StateTable(
        Collections.nCopies(layers, states), Collections.nCopies(layers + 1, boundaryBytes));
  }

  /** Layers of the model. */
  public int layerCount() {
    return layers.size();
  }

  /** Bytes of one token's row in front of a layer, or behind all; 0 where it cannot be cut. */
  public int boundaryBytes(int boundary) {
    return boundaryBytes.get(boundary);
  }

  /** Bytes of the largest row of all, states' and boundaries'. */
  public int largestUnitBytes() {
    int largest = Collections.max(boundaryBytes);
    for (List<LayerState> states : layers) {
      for (LayerState state : states) {
        if (state instanceof LayerState.OfRows rows) {
          int bytes = rows.parts().stream().mapToInt(LayerState.Part::bytes).sum();
          largest = Math.max(largest, bytes);
        }
      }
    }
    return largest;
  }

  /** In few words, for people: how many layers, and what the first of them keeps. */
  public String words() {
    StringBuilder first = new StringBuilder();
    for (LayerState state : layers.getFirst()) {
      first.append(first.isEmpty() ? "" : " and ").append(words(state));
    }
    return layers.size()
        + (layers.stream().distinct().count() == 1 ? " layers, each of " : " layers, the first of ")
        + first
        + ", and boundary rows of "
        + boundaryBytes.getLast()
        + " bytes";
  }

  private static String words(LayerState state) {
    return switch (state) {
      case LayerState.Compressed(int ratio, List<LayerState.Part> parts) ->
          "rows of " + words(parts) + " bytes for " + ratio + " tokens";
      case LayerState.Window(int tokens, List<LayerState.Part> parts) ->
          "rows of " + words(parts) + " bytes for the last " + tokens + " tokens";
      case LayerState.OfRows rows -> "rows of " + words(rows.parts()) + " bytes";
      case LayerState.Fixed(int bytes) -> bytes + " bytes";
      case LayerState.SharedWith(int layer) -> "what layer " + layer + " keeps";
    };
  }

  private static String words(List<LayerState.Part> parts) {
    return parts.size() == 1
        ? String.valueOf(parts.getFirst().bytes())
        : parts.getFirst().bytes() + " + " + parts.getLast().bytes();
  }

  /**
   * The SHA-256 of all of it, equal where two tables are: of big-endian int32, the number of
   * layers; for each layer the number of its states and each state as kind and numbers, parts as
   * their number and each part's two; then every boundary's bytes. Kinds are 0 rows, 1 window
   * (tokens, parts), 2 latent, 3 compressed (ratio, parts), 4 fixed (bytes), 5 shared (layer).
   */
  public byte[] hash() {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      DataOutputStream out = new DataOutputStream(bytes);
      out.writeInt(layers.size());
      for (List<LayerState> states : layers) {
        out.writeInt(states.size());
        for (LayerState state : states) {
          write(state, out);
        }
      }
      for (int width : boundaryBytes) {
        out.writeInt(width);
      }
      return MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory takes all
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static void write(LayerState state, DataOutputStream out) throws IOException {
    switch (state) {
      case LayerState.Rows(List<LayerState.Part> parts) -> {
        out.writeInt(0);
        write(parts, out);
      }
      case LayerState.Window(int tokens, List<LayerState.Part> parts) -> {
        out.writeInt(1);
        out.writeInt(tokens);
        write(parts, out);
      }
      case LayerState.Latent latent -> {
        out.writeInt(2);
        write(latent.parts(), out);
      }
      case LayerState.Compressed(int ratio, List<LayerState.Part> parts) -> {
        out.writeInt(3);
        out.writeInt(ratio);
        write(parts, out);
      }
      case LayerState.Fixed(int bytes) -> {
        out.writeInt(4);
        out.writeInt(bytes);
      }
      case LayerState.SharedWith(int layer) -> {
        out.writeInt(5);
        out.writeInt(layer);
      }
    }
  }

  private static void write(List<LayerState.Part> parts, DataOutputStream out) throws IOException {
    out.writeInt(parts.size());
    for (LayerState.Part part : parts) {
      out.writeInt(part.bytes());
      out.writeInt(part.lossyBytes());
    }
  }
}
