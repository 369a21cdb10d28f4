package dev.baton.bench.stream;

import dev.baton.bench.process.ChildJvm;
import dev.baton.bench.report.PartReport;
import dev.baton.bench.report.Progress;
import dev.baton.bench.report.WrongResult;
import dev.baton.catalog.CatalogException;
import dev.baton.catalog.ModelCatalog;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;

/**
 * The parts that compute: a prefill node and a decode process with one core each, the decode
 * process being {@link NodesCommand}.
 */
final class NodesPart {
  private final String part;
  private final String model;
  private final int[] promptTokens;
  private final int contextTokens;
  private final double seconds;

  /**
   * @param part {@code hidden}, in a network namespace with a scaled link, or {@code pair}
   * @param model a name or a path
   * @param promptTokens prompt lengths for {@code hidden}
   * @param contextTokens what both nodes serve at most; 0 for what the model and memory allow
   * @param seconds for each prompt
   */
  NodesPart(String part, String model, int[] promptTokens, int contextTokens, double seconds) {
    this.part = part;
    this.model = model;
    this.promptTokens = promptTokens.clone();
    this.contextTokens = contextTokens;
    this.seconds = seconds;
  }

  PartReport run(Progress progress) throws InterruptedException {
    boolean hidden = "hidden".equals(part);
    String missing = hidden ? ShapedLink.whyMissing() : null;
    if (missing == null) {
      missing = OneCore.whyMissing();
    }
    if (missing != null) {
      return PartReport.unavailable(part, missing);
    }
    Path file;
    try {
      file = ModelCatalog.of(System.getenv()).resolve(model);
    } catch (CatalogException e) {
      return PartReport.unavailable(part, String.valueOf(e.getMessage()));
    }
    progress.show(part + ": " + file.getFileName() + " on two cores");
    List<String> prefix = new ArrayList<>(hidden ? ShapedLink.unshapedPrefix() : List.of());
    prefix.addAll(OneCore.DECODE.prefix());
    try {
      String json =
          ChildJvm.runBench(
              prefix,
              List.of(
                  "stream-nodes",
                  "--part=" + part,
                  "--model=" + file.toAbsolutePath(),
                  "--ctx-size=" + contextTokens,
                  "--prompt="
                      + Arrays.stream(promptTokens)
                          .mapToObj(Integer::toString)
                          .collect(Collectors.joining(",")),
                  "--seconds=" + seconds));
      return JsonMapper.shared().readValue(json, PartReport.class);
    } catch (WrongResult e) {
      return PartReport.wrong(part, e.reason());
    }
  }
}
