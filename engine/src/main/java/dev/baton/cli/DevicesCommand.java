package dev.baton.cli;

import dev.baton.ggml.GgmlDevice;
import dev.baton.ggml.GgmlException;
import dev.baton.ggml.GgmlLibrary;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.node.NodeCompute;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton devices}: what can compute here. */
@Command(
    name = "devices",
    header = "List what can compute on this machine, and why something cannot.",
    description = {
      "%nBaton's own kernels are the device cpu. The others are found by the ggml library, if it is"
          + " here: 'baton pull ggml' (or ggml-vulkan, ggml-cuda, ggml-metal) brings it, or"
          + " BATON_GGML_HOME names its folder. Each device is tested with a tiny model.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton devices",
      "  baton node --device CUDA0 --listen 192.168.1.20:4400 --cluster-key-file cluster.key",
      "  baton devices --json | jq -r '.[] | select(.unusable == null) | .name'"
    })
final class DevicesCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Option(names = "--json", description = "Print a JSON array.")
  private boolean json;

  DevicesCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /**
   * What {@code --json} prints of a device.
   *
   * @param name for {@code --device}; the kind where there is no device
   * @param kind cpu or gpu
   * @param backend what computes there
   * @param freeBytes of its memory, 0 where it does not say
   * @param unusable why, one line, or null
   */
  record Entry(
      String name,
      String kind,
      String backend,
      String description,
      long freeBytes,
      long totalBytes,
      @Nullable String unusable) {}

  @Override
  public Integer call() {
    List<Entry> entries = new ArrayList<>();
    try (Kernels kernels =
        KernelChoice.open(KernelsConfig.fromEnvironment(terminal.env())).kernels()) {
      entries.add(
          new Entry(NodeCompute.CPU, "cpu", kernels.description(), "Baton's kernels", 0, 0, null));
      addGgml(entries, kernels);
    }
    if (json) {
      terminal.println(Json.line(entries));
    } else {
      entries.forEach(this::show);
    }
    return BatonCli.DONE;
  }

  private void addGgml(List<Entry> entries, Kernels kernels) {
    GgmlLibrary ggml;
    try {
      ggml = NodeCompute.ggml(terminal.env());
    } catch (GgmlException e) {
      entries.add(new Entry("ggml", "", "", "", 0, 0, e.getMessage()));
      return;
    }
    for (GgmlDevice device : ggml.devices()) {
      entries.add(
          new Entry(
              device.label(),
              device.kind(),
              "ggml " + ggml.version() + " " + device.backend(),
              device.description(),
              device.freeBytes(),
              device.totalBytes(),
              GgmlLibrary.test(NodeCompute.target(ggml, device, kernels)).orElse(null)));
    }
    for (GgmlLibrary.Unusable plugin : ggml.unusable()) {
      entries.add(
          new Entry(plugin.backend(), "", "ggml " + ggml.version(), "", 0, 0, plugin.why()));
    }
  }

  private void show(Entry entry) {
    String unusable = entry.unusable();
    String memory =
        entry.totalBytes() == 0
            ? ""
            : ReportText.bytes(entry.freeBytes())
                + " free of "
                + ReportText.bytes(entry.totalBytes())
                + ", ";
    terminal.println(
        String.format(
            Locale.ROOT,
            "%-10s %-4s %-22s %s",
            entry.name(),
            entry.kind(),
            entry.backend(),
            unusable != null
                ? "unusable: " + Failure.oneLine(unusable)
                : memory + Failure.oneLine(entry.description())));
  }
}
