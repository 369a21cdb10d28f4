package dev.baton.plan;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that may serve a model, and the links between them.
 *
 * @param nodes at least one that decodes; names are unique
 * @param links by direction; a pair that is not there cannot work together
 */
public record Cluster(List<ClusterNode> nodes, Map<Way, LinkSpeed> links) {
  /**
   * A direction.
   *
   * @param from name of the prefill node
   * @param to name of the decode node
   */
  public record Way(String from, String to) {}

  public Cluster {
    nodes = List.copyOf(nodes);
    links = Map.copyOf(links);
    if (nodes.stream().noneMatch(ClusterNode::decodes)) {
      throw new IllegalArgumentException("a cluster needs a node that decodes");
    }
    if (nodes.stream().map(ClusterNode::name).distinct().count() != nodes.size()) {
      throw new IllegalArgumentException("two nodes of a cluster have one name");
    }
  }

  /** The link, or null where there is none. */
  public @Nullable LinkSpeed link(ClusterNode from, ClusterNode to) {
    return links.get(new Way(from.name(), to.name()));
  }
}
