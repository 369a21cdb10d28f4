package dev.baton;

import dev.baton.decode.DecodeOutcome;
import dev.baton.decode.RequestTimeline;
import dev.baton.kvstream.TransferReport;
import dev.baton.kvstream.TransferTrace;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Where a request's time went: what the prefill node computed, what was on its way, what was
 * computed here, on one clock. Moments are nanoseconds from the request's beginning; those of the
 * prefill node are true to within {@code clockErrorNs}.
 *
 * @param spans by lane and then by time
 * @param firstTokenNs when the first token was chosen, 0 when none was
 * @param clockErrorNs how far the other node's clock may be off
 */
public record Timeline(List<Span> spans, long firstTokenNs, long clockErrorNs) {
  /** Who did something. */
  public enum Lane {
    PREFILL(1, "prefill node computes"),
    WIRE(2, "KV on its way"),
    DECODE(3, "decode node computes");

    private final int number;
    private final String title;

    Lane(int number, String title) {
      this.number = number;
      this.title = title;
    }

    /** The lane's name, for people. */
    public String title() {
      return title;
    }
  }

  /**
   * Something that took time.
   *
   * @param what {@code "layer 3, tokens 0-127"}
   * @param bytes that travelled, 0 for a computation
   */
  public record Span(Lane lane, String what, long startNs, long endNs, long bytes) {}

  private static final int WIDTH = 72;

  public Timeline {
    spans = List.copyOf(spans);
  }

  static Timeline of(DecodeOutcome outcome) {
    RequestTimeline request = outcome.timeline();
    TransferReport transfer = outcome.transfer();
    long zeroNs = request.submittedNs();
    List<Span> spans = new ArrayList<>();
    if (transfer != null) {
      addPrefill(spans, request, transfer, zeroNs);
    }
    for (TransferTrace.Arrival arrival : request.arrivals()) {
      spans.add(
          new Span(
              Lane.WIRE,
              what(arrival.layer(), arrival.firstToken(), arrival.tokens()),
              arrival.sentNs() - zeroNs,
              arrival.receivedNs() - zeroNs,
              arrival.bytes()));
    }
    for (RequestTimeline.Span span : request.spans()) {
      spans.add(
          new Span(
              Lane.DECODE,
              String.format(
                  Locale.ROOT,
                  "layers %d-%d, %s",
                  span.fromLayer(),
                  span.toLayer() - 1,
                  tokens(span.firstToken(), span.tokens())),
              span.startNs() - zeroNs,
              span.endNs() - zeroNs,
              0));
    }
    long decodeNs = Math.max(transfer == null ? request.admittedNs() : 0, request.firstTokenNs());
    if (request.lastTokenNs() > decodeNs && decodeNs > 0) {
      spans.add(
          new Span(
              Lane.DECODE,
              outcome.tokens().outputTokens() + " tokens",
              decodeNs - zeroNs,
              request.lastTokenNs() - zeroNs,
              0));
    }
    spans.sort(Comparator.comparing(Span::lane).thenComparingLong(Span::startNs));
    long firstNs = request.firstTokenNs() == 0 ? 0 : request.firstTokenNs() - zeroNs;
    return new Timeline(spans, firstNs, transfer == null ? 0 : transfer.clockErrorNs());
  }

  /** One thread computes there, layer after layer: each span begins where the one before ended. */
  private static void addPrefill(
      List<Span> spans, RequestTimeline request, TransferReport transfer, long zeroNs) {
    List<TransferTrace.Arrival> byReady = new ArrayList<>(request.arrivals());
    byReady.sort(Comparator.comparingLong(TransferTrace.Arrival::readyNs));
    long startNs = transfer.computeStartNs();
    int i = 0;
    while (i < byReady.size()) {
      TransferTrace.Arrival first = byReady.get(i);
      int from = first.firstToken();
      int to = from + first.tokens();
      for (i++; i < byReady.size() && byReady.get(i).readyNs() == first.readyNs(); i++) {
        from = Math.min(from, byReady.get(i).firstToken());
        to = Math.max(to, byReady.get(i).firstToken() + byReady.get(i).tokens());
      }
      if (first.layer() != TransferTrace.HIDDEN) {
        long endNs = first.readyNs();
        long begunNs = startNs == 0 ? endNs : Math.min(startNs, endNs);
        spans.add(
            new Span(
                Lane.PREFILL,
                what(first.layer(), from, to - from),
                begunNs - zeroNs,
                endNs - zeroNs,
                0));
        startNs = endNs;
      }
    }
  }

  private static String what(int layer, int firstToken, int tokens) {
    return (layer == TransferTrace.HIDDEN ? "hidden rows, " : "layer " + layer + ", ")
        + tokens(firstToken, tokens);
  }

  private static String tokens(int first, int count) {
    return count == 1 ? "token " + first : "tokens " + first + "-" + (first + count - 1);
  }

  /** The lanes as lines of marks, the first token among them, for a terminal. */
  public String text() {
    long endNs = spans.stream().mapToLong(Span::endNs).max().orElse(0);
    endNs = Math.max(1, Math.max(endNs, firstTokenNs));
    StringBuilder text = new StringBuilder();
    for (Lane lane : Lane.values()) {
      text.append(String.format(Locale.ROOT, "%-22s|%s|%n", lane.title(), marks(lane, endNs)));
    }
    char[] token = " ".repeat(WIDTH).toCharArray();
    if (firstTokenNs > 0) {
      token[column(firstTokenNs, endNs)] = '^';
    }
    text.append(String.format(Locale.ROOT, "%-22s|%s|%n", "first token", new String(token)));
    text.append(
        String.format(
            Locale.ROOT,
            "%-22s 0 ms to %.1f ms, a mark is %.2f ms; the nodes' clocks agree within %.2f ms%n",
            "",
            endNs / 1e6,
            endNs / 1e6 / WIDTH,
            clockErrorNs / 1e6));
    return text.toString();
  }

  /** '#' where the lane is busy all the time of a column, '+' most of it, '.' some. */
  private String marks(Lane lane, long endNs) {
    double[] busy = new double[WIDTH];
    double columnNs = (double) endNs / WIDTH;
    long doneNs = 0;
    for (Span span : spans) {
      if (span.lane() != lane) {
        continue;
      }
      // Messages overlap on their way; a moment counts once.
      long startNs = Math.max(span.startNs(), doneNs);
      doneNs = Math.max(doneNs, span.endNs());
      for (int i = column(startNs, endNs); i <= column(span.endNs(), endNs); i++) {
        double from = Math.max((double) startNs, i * columnNs);
        double to = Math.min((double) span.endNs(), (i + 1) * columnNs);
        busy[i] += Math.max(0, to - from) / columnNs;
      }
    }
    StringBuilder marks = new StringBuilder();
    for (double share : busy) {
      marks.append(share > 0.9 ? '#' : share > 0.5 ? '+' : share > 0 ? '.' : ' ');
    }
    return marks.toString();
  }

  private static int column(long ns, long endNs) {
    return (int) Math.clamp(ns * (double) WIDTH / endNs, 0, WIDTH - 1);
  }

  /**
   * The events of the Trace Event Format, which Chrome's and Perfetto's viewers read as a JSON
   * array: computations as complete events, what travels as asynchronous ones, since messages
   * overlap.
   *
   * <p>Source: "Trace Event Format", Google.
   */
  public List<Map<String, Object>> chromeTrace() {
    List<Map<String, Object>> events = new ArrayList<>();
    for (Lane lane : Lane.values()) {
      Map<String, Object> name = event("process_name", "M", lane, 0);
      name.put("args", Map.of("name", lane.title()));
      events.add(name);
    }
    for (Span span : spans) {
      if (span.lane() == Lane.WIRE) {
        String id = Integer.toString(events.size());
        Map<String, Object> begin = event(span.what(), "b", span.lane(), span.startNs());
        begin.put("cat", "kv");
        begin.put("id", id);
        begin.put("args", Map.of("bytes", span.bytes()));
        Map<String, Object> end = event(span.what(), "e", span.lane(), span.endNs());
        end.put("cat", "kv");
        end.put("id", id);
        events.add(begin);
        events.add(end);
      } else {
        Map<String, Object> complete = event(span.what(), "X", span.lane(), span.startNs());
        complete.put("dur", (span.endNs() - span.startNs()) / 1e3);
        events.add(complete);
      }
    }
    if (firstTokenNs > 0) {
      Map<String, Object> token = event("first token", "i", Lane.DECODE, firstTokenNs);
      token.put("s", "g");
      events.add(token);
    }
    return events;
  }

  private static Map<String, Object> event(String name, String phase, Lane lane, long atNs) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("name", name);
    event.put("ph", phase);
    event.put("ts", atNs / 1e3);
    event.put("pid", lane.number);
    event.put("tid", 1);
    return event;
  }
}
