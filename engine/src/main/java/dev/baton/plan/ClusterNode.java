package dev.baton.plan;

/**
 * A node as the planner sees it at the moment of a request.
 *
 * @param name unique in its cluster
 * @param speed of the model to be served
 * @param prefills whether it takes others' prefills
 * @param decodes whether requests may be answered there
 * @param queueSeconds work that stands before a new request
 * @param held what it holds of the request's prompt when it prefills for another node; what a
 *     decode node has of it is the {@link RequestShape}'s
 * @param correction of what the speed says
 * @param prefillWatts drawn while it prefills
 * @param decodeWatts drawn while it decodes
 * @param usdPerHour what an hour of its work costs, electricity aside
 */
public record ClusterNode(
    String name,
    SpeedProfile speed,
    boolean prefills,
    boolean decodes,
    double queueSeconds,
    HeldPrefix held,
    Correction correction,
    double prefillWatts,
    double decodeWatts,
    double usdPerHour) {
  /** One that holds nothing of the prompt. */
  public ClusterNode(
      String name,
      SpeedProfile speed,
      boolean prefills,
      boolean decodes,
      double queueSeconds,
      Correction correction,
      double prefillWatts,
      double decodeWatts,
      double usdPerHour) {
    this(
        name,
        speed,
        prefills,
        decodes,
        queueSeconds,
        HeldPrefix.NONE,
        correction,
        prefillWatts,
        decodeWatts,
        usdPerHour);
  }

  public ClusterNode {
    if (!(queueSeconds >= 0 && prefillWatts >= 0 && decodeWatts >= 0 && usdPerHour >= 0)) {
      throw new IllegalArgumentException("node " + name + " has a negative queue, power or price");
    }
  }

  /** Seconds of one layer for a chunk behind {@code depth} tokens, computed by itself, of late. */
  public double chunkLayerSeconds(int tokens, int depth) {
    return correction.prefill() * speed.chunkLayerSeconds(tokens, depth);
  }

  /** Seconds of the output matrix and the choice of a token, as of late. */
  public double outputSeconds() {
    return correction.decode() * speed.outputSeconds();
  }

  /**
   * Seconds of an answer's decode steps from the {@code first}-th on, as of late; the context grows
   * by a token each.
   *
   * @param first from 1 on
   */
  public double decodeSeconds(int promptTokens, int first, int outputTokens) {
    int steps = outputTokens - first;
    if (steps <= 0) {
      return 0;
    }
    double middle = promptTokens + first + (steps - 1) / 2.0;
    double step = speed.stepSeconds() + speed.sequenceSeconds() + speed.contextSeconds() * middle;
    return correction.decode() * steps * step;
  }

  /** The same node by another name. */
  ClusterNode named(String other) {
    return new ClusterNode(
        other,
        speed,
        prefills,
        decodes,
        queueSeconds,
        held,
        correction,
        prefillWatts,
        decodeWatts,
        usdPerHour);
  }

  /** The same node with so much work before a request, of whose prompt it holds so much. */
  public ClusterNode with(double queue, HeldPrefix prefix) {
    return new ClusterNode(
        name,
        speed,
        prefills,
        decodes,
        queue,
        prefix,
        correction,
        prefillWatts,
        decodeWatts,
        usdPerHour);
  }
}
