package dev.baton.cli;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.Split;
import dev.baton.calibrate.Calibration;
import dev.baton.calibrate.PairProfile;
import dev.baton.clusterfile.SpeedProfileFile;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.SpeedProfile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code baton calibrate}: measures what the planner plans with. */
@Command(
    name = "calibrate",
    header = "Measure nodes and their link for a model, for '--split auto'.",
    description = {
      "%nRuns real requests on this node, on the prefill node and between them, for up to 45 s; it"
          + " ends sooner where they agree. What was measured is kept and used by 'run --split"
          + " auto'; without it, that measures for some seconds at first. Nothing else should run"
          + " meanwhile.",
      "Unless --prefill names a running node, a prefill node is started for this call.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton calibrate --model smollm2-135m",
      "  baton calibrate --model smollm2-135m --prefill 192.168.1.20:4400 --cluster-key-file"
          + " cluster.key",
      "  baton calibrate --model smollm2-135m --alone --out this-node.json   # for a cluster file"
    })
final class CalibrateCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private ModelOption model = new ModelOption();
  @Mixin private NodesOptions nodes = new NodesOptions();

  @Option(names = "--alone", description = "Measure this node only.")
  private boolean alone;

  @Option(
      names = "--coarse",
      description =
          "Take 4 s instead of 45; 'run --split auto' does the same when nothing is kept.")
  private boolean coarse;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write this node's profile to FILE, for a cluster file to name.")
  private @Nullable Path out;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  CalibrateCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    BatonConfig config =
        nodes
            .config(model.file(terminal), terminal)
            .split(alone ? new Split.Local() : new Split.Remote())
            .build();
    Calibration.Effort effort = coarse ? Calibration.Effort.COARSE : Calibration.Effort.FULL;
    Thread measuring = Thread.currentThread();
    try (GracefulShutdown _ = GracefulShutdown.with(() -> interrupt(measuring));
        StatusLine status = new StatusLine(terminal, System::nanoTime);
        Baton baton =
            Baton.open(config, done -> status.show("loading " + model.nameOrPath(), done))) {
      status.clear();
      baton.compute().notices().forEach(terminal::note);
      DoubleConsumer progress = done -> status.show("measuring " + model.nameOrPath(), done);
      if (alone) {
        SpeedProfile here = baton.calibrateAlone(effort, progress);
        status.clear();
        write(here);
        terminal.print(
            json ? Json.line(here) + System.lineSeparator() : text("this node", here, baton));
        return BatonCli.DONE;
      }
      PairProfile pair = baton.calibrate(effort, progress);
      status.clear();
      write(pair.here());
      terminal.print(json ? Json.line(pair) + System.lineSeparator() : text(pair, baton));
      return BatonCli.DONE;
    } catch (InterruptedException e) {
      return BatonCli.INTERRUPTED; // what is cut short is kept nowhere
    }
  }

  private static boolean interrupt(Thread thread) {
    thread.interrupt();
    return true;
  }

  private void write(SpeedProfile here) {
    Path file = out;
    if (file != null) {
      try {
        SpeedProfileFile.write(here, file);
      } catch (IOException e) {
        throw new UserException("cannot write " + file + ": " + Failure.reason(e), e);
      }
    }
  }

  private static String text(PairProfile pair, Baton baton) {
    LinkSpeed link = pair.link();
    return text("this node", pair.here(), baton)
        + prefillText("prefill node", pair.there(), baton)
        + String.format(
            Locale.ROOT,
            "%-13s %s/s as f16 (%s/s by four requests at once), %s/s as q8, latency %s, an order"
                + " takes %s (±%.0f %%)%n",
            "link",
            ReportText.bytes(Math.round(link.f16BytesPerSecond())),
            ReportText.bytes(Math.round(pair.bytesPerSecondOfFour())),
            ReportText.bytes(Math.round(link.q8BytesPerSecond())),
            seconds(link.latencySeconds()),
            seconds(link.orderSeconds()),
            100 * link.error())
        + (link.slowdown() > 1
            ? String.format(
                Locale.ROOT,
                "%-13s nodes take %.2f times as long while they share a prompt%n",
                "",
                link.slowdown())
            : "");
  }

  private static String text(String name, SpeedProfile speed, Baton baton) {
    return prefillText(name, speed, baton)
        + String.format(
            Locale.ROOT,
            "%-13s decode %s a token, %s behind 1000 tokens, %s for four at once (±%.0f %%)%n",
            "",
            seconds(speed.decodeStepSeconds(1, 0)),
            seconds(speed.decodeStepSeconds(1, 1000)),
            seconds(speed.decodeStepSeconds(4, 0)),
            100 * speed.decodeError());
  }

  private static String prefillText(String name, SpeedProfile speed, Baton baton) {
    int layers = baton.compute().model().shape().layers();
    StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "%-13s prefill", name));
    for (SpeedProfile.ChunkPoint chunk : speed.chunks()) {
      text.append(
          String.format(
              Locale.ROOT,
              " %d: %s,",
              chunk.tokens(),
              ReportText.rate(
                  chunk.tokens() / (layers * speed.chunkLayerSeconds(chunk.tokens(), 0)))));
    }
    int largest = speed.chunks().getLast().tokens();
    text.append(
        String.format(
            Locale.ROOT,
            " behind 1000 tokens %s (±%.0f %%)%n",
            ReportText.rate(largest / (layers * speed.chunkLayerSeconds(largest, 1000))),
            100 * speed.prefillError()));
    return text.toString();
  }

  private static String seconds(double seconds) {
    return ReportText.duration(Math.round(seconds * 1e9));
  }
}
