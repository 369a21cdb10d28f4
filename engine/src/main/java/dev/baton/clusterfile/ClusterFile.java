package dev.baton.clusterfile;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.catalog.NearestName;
import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import dev.baton.plan.Cluster;
import dev.baton.plan.Cluster.Way;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.LinkSpeed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * A cluster as a TOML file tells of it: nodes by the device catalog, by figures somebody took, or
 * by a measured profile, and the links between them.
 *
 * <pre>{@code
 * [[node]]
 * name = "spark"
 * device = "DGX Spark GB10"         # of the catalog; or profile = "spark.json"
 * prefill-tokens-per-second = 5573  # where somebody took it, of the model that is asked about
 * decode-ms = 89.7                  # of one token
 * at-prompt-tokens = 8192           # what the two hold for; else 512
 * at-chunk-tokens = 2048            # how the prompt was cut then; else 2048
 * role = "both"                     # or "prefill", "decode"
 * watts = 140                       # else the device's
 * usd-per-hour = 0.18               # else the device's price over three years
 * queue-seconds = 0                 # work that stands there already
 *
 * [[link]]
 * between = ["spark", "mac"]        # both ways; or from = "spark" and to = "mac"
 * rate = "10gbe"                    # or bytes-per-second = 1.15e9
 * latency-us = 200                  # until a slice is usable, beside its bytes
 * order-us = 200                    # until the prefill node computes; else as the latency
 * }</pre>
 *
 * <p>Nodes without room for the model are left out. Errors are one line with file, line and key.
 *
 * @param cluster the nodes that have room, and their links
 * @param notes what a reader should know, one line each
 * @param roomBytes for KV at each node, by its name: the memory that the weights leave; as good as
 *     without limit where no device is named
 */
public record ClusterFile(Cluster cluster, List<String> notes, Map<String, Long> roomBytes) {
  /** Clusters that need no file. */
  public static final List<String> BUILT_IN = List.of("exo-1gbe", "exo-2.5gbe", "exo-10gbe");

  private static final Set<String> LINK_KEYS =
      Set.of("between", "from", "to", "rate", "bytes-per-second", "latency-us", "order-us");

  /** Of a message through a switch and two systems' sockets. */
  private static final double USUAL_LATENCY_US = 200;

  /**
   * What the threads of a stream's ends drive between two machines, and so with a cluster key,
   * whatever the cable carries: the busiest one takes 0.75 s of a core for 10^9 bytes ({@code bench
   * stream}, MTU 1408, runs of datagrams).
   */
  static final double DRIVEN_BYTES_PER_SECOND = 1.3e9;

  /** Figures of a cable hold so well. */
  private static final double LINK_ERROR = 0.03;

  public ClusterFile {
    notes = List.copyOf(notes);
    roomBytes = Map.copyOf(roomBytes);
  }

  /**
   * Reads a cluster.
   *
   * @param file a path, or one of {@link #BUILT_IN}
   * @param model what the nodes are to serve
   * @throws IllegalArgumentException if it cannot be read or makes no sense, in one line
   */
  public static ClusterFile read(Path file, ModelArchitecture model, DeviceCatalog catalog) {
    if (BUILT_IN.contains(file.toString())) {
      return parse(file.toString(), builtIn(file.toString()), Path.of(""), model, catalog);
    }
    try {
      Path folder = Optional.ofNullable(file.getParent()).orElse(Path.of(""));
      return parse(file.toString(), Files.readString(file), folder, model, catalog);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "cannot read the cluster file "
              + file
              + ", "
              + reason(e)
              + "; built in are "
              + String.join(", ", BUILT_IN),
          e);
    }
  }

  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "it does not exist";
      case AccessDeniedException _ -> "permission denied";
      case CharacterCodingException _ -> "it holds other bytes than UTF-8";
      default -> String.valueOf(e.getMessage());
    };
  }

  private static String builtIn(String name) {
    try (InputStream bytes = ClusterFile.class.getResourceAsStream(name + ".toml")) {
      if (bytes == null) {
        throw new IllegalStateException(name + " is missing from Baton's jar; build it again");
      }
      return new String(bytes.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ClusterFile parse(
      String file, String text, Path folder, ModelArchitecture model, DeviceCatalog catalog) {
    TomlSection root = TomlSection.parse(file, text);
    root.allowOnly(Set.of("node", "link"));
    Map<String, NodeSection> all = new LinkedHashMap<>();
    for (TomlSection section : root.sections("node")) {
      NodeSection node = new NodeSection(section, catalog);
      if (all.put(node.name(), node) != null) {
        throw section.wrong("name", "two nodes are called '" + node.name() + "'");
      }
    }
    if (all.isEmpty()) {
      throw root.wrong("node", "a cluster needs at least one [[node]]");
    }
    List<NodeSection> sections = List.copyOf(all.values());
    Map<Way, LinkSpeed> links = links(root.sections("link"), all.keySet());
    requireDecoder(sections);
    List<ClusterNode> nodes = new ArrayList<>();
    Map<String, Long> roomBytes = new LinkedHashMap<>();
    for (NodeSection section : sections) {
      // Before room is looked at, so that a node that is left out is checked as well.
      ClusterNode node = section.node(model, catalog, folder);
      if (hasRoom(section, model)) {
        nodes.add(node);
        roomBytes.put(node.name(), section.memoryBytes() - model.weightBytes());
      }
    }
    requireRoom(sections, model);
    List<String> notes = notes(sections, model);
    links.forEach((way, speed) -> {
      if (speed.f16BytesPerSecond() > DRIVEN_BYTES_PER_SECOND) {
        notes.add(undriven(way, speed));
      }
    });
    links.replaceAll((way, speed) -> driven(speed));
    return new ClusterFile(new Cluster(nodes, links), notes, roomBytes);
  }

  private static boolean hasRoom(NodeSection node, ModelArchitecture model) {
    return model.weightBytes() <= node.memoryBytes();
  }

  private static void requireDecoder(List<NodeSection> nodes) {
    if (nodes.stream().noneMatch(NodeSection::decodes)) {
      throw nodes.getFirst().wrong("role", "no node decodes; let one be \"decode\" or \"both\"");
    }
  }

  private static void requireRoom(List<NodeSection> nodes, ModelArchitecture model) {
    if (nodes.stream().anyMatch(node -> node.decodes() && hasRoom(node, model))) {
      return;
    }
    boolean nowhere = nodes.stream().noneMatch(node -> hasRoom(node, model));
    NodeSection largest =
        nodes.stream()
            .filter(node -> nowhere || node.decodes())
            .max(Comparator.comparingLong(NodeSection::memoryBytes))
            .orElseThrow();
    throw largest.wrong(
        "device",
        model.name()
            + " takes "
            + NodeSection.gigabytes(model.weightBytes())
            + " and fits "
            + (nowhere ? "nowhere" : "no node that decodes")
            + "; the most is "
            + NodeSection.gigabytes(largest.memoryBytes()));
  }

  private static List<String> notes(List<NodeSection> nodes, ModelArchitecture model) {
    List<String> notes = new ArrayList<>();
    for (NodeSection node : nodes) {
      if (!hasRoom(node, model)) {
        notes.add(
            "node '"
                + node.name()
                + "' is left out: "
                + model.name()
                + " takes "
                + NodeSection.gigabytes(model.weightBytes())
                + ", it has "
                + NodeSection.gigabytes(node.memoryBytes()));
      } else if (!node.hasCosts()) {
        notes.add(
            "node '"
                + node.name()
                + "' names no device: what watts and usd-per-hour do not say counts as 0");
      }
    }
    return notes;
  }

  private static String undriven(Way way, LinkSpeed speed) {
    return String.format(
        Locale.ROOT,
        "the link from '%s' to '%s' carries %.1f GB/s, and a stream's threads drive %.1f: planned"
            + " with that",
        way.from(),
        way.to(),
        speed.f16BytesPerSecond() / 1e9,
        DRIVEN_BYTES_PER_SECOND / 1e9);
  }

  private static LinkSpeed driven(LinkSpeed speed) {
    double bytes = Math.min(speed.f16BytesPerSecond(), DRIVEN_BYTES_PER_SECOND);
    return new LinkSpeed(
        speed.orderSeconds(),
        speed.latencySeconds(),
        bytes,
        bytes,
        speed.slowdown(),
        speed.error());
  }

  private static Map<Way, LinkSpeed> links(List<TomlSection> sections, Set<String> nodes) {
    Map<Way, LinkSpeed> links = new LinkedHashMap<>();
    for (TomlSection section : sections) {
      section.allowOnly(LINK_KEYS);
      LinkSpeed speed = linkSpeed(section);
      for (Way way : ways(section, nodes)) {
        if (links.put(way, speed) != null) {
          throw section.wrong(
              section.has("between") ? "between" : "from",
              "there is a link from '" + way.from() + "' to '" + way.to() + "' already");
        }
      }
    }
    return links;
  }

  private static List<Way> ways(TomlSection section, Set<String> nodes) {
    boolean oneWay = section.has("from") || section.has("to");
    if (oneWay == section.has("between")) {
      throw section.wrong("between", "a link has either between = [\"a\", \"b\"], or from and to");
    }
    if (oneWay) {
      return List.of(way(section, "from", end(section, "from"), end(section, "to"), nodes));
    }
    List<String> ends = section.texts("between");
    if (ends.size() != 2) {
      throw section.wrong("between", "a link is between 2 nodes, got " + ends.size());
    }
    Way way = way(section, "between", ends.get(0), ends.get(1), nodes);
    return List.of(way, new Way(way.to(), way.from()));
  }

  private static String end(TomlSection section, String key) {
    return section
        .text(key)
        .orElseThrow(() -> section.wrong(key, "a link has both from and to, or between"));
  }

  private static Way way(
      TomlSection section, String key, String from, String to, Set<String> nodes) {
    requireNode(section, key, from, nodes);
    requireNode(section, key.equals("from") ? "to" : key, to, nodes);
    if (from.equals(to)) {
      throw section.wrong(key, "a link is between 2 nodes, got '" + from + "' twice");
    }
    return new Way(from, to);
  }

  private static void requireNode(TomlSection section, String key, String name, Set<String> nodes) {
    if (!nodes.contains(name)) {
      String instead =
          NearestName.to(name, nodes)
              .map(near -> ", did you mean " + near + "?")
              .orElse("; there are " + String.join(", ", nodes));
      throw section.wrong(key, "there is no node '" + name + "'" + instead);
    }
  }

  private static LinkSpeed linkSpeed(TomlSection section) {
    OptionalDouble bytesPerSecond = section.positive("bytes-per-second");
    Optional<String> rate = section.text("rate");
    if (bytesPerSecond.isPresent() == rate.isPresent()) {
      throw section.wrong("rate", "a link has either a rate or bytes-per-second");
    }
    double bytes =
        bytesPerSecond.orElseGet(() ->
            rate.flatMap(LinkRate::of)
                .orElseThrow(() -> unknownRate(section, rate.orElseThrow()))
                .bytesPerSecond());
    double latencyUs = section.notNegative("latency-us").orElse(USUAL_LATENCY_US);
    double orderUs = section.notNegative("order-us").orElse(latencyUs);
    return new LinkSpeed(orderUs / 1e6, latencyUs / 1e6, bytes, bytes, 1, LINK_ERROR);
  }

  private static IllegalArgumentException unknownRate(TomlSection section, String rate) {
    return section.wrong(
        "rate",
        "'"
            + rate
            + "' is none of "
            + String.join(", ", LinkRate.words())
            + "; use bytes-per-second");
  }
}
