package dev.baton.node;

import dev.baton.exposition.PrometheusText;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.OrderReport;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.link.StreamNode;
import dev.baton.metrics.Meters;
import dev.baton.prefill.PrefillQueue;
import dev.baton.schedule.Scheduler;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A prefill node: takes orders at an endpoint and streams their KV. Owns the stream and the
 * scheduler, not the compute. An {@link Error} in either ends both: the decode nodes are told why.
 */
public final class PrefillNode implements AutoCloseable {
  private final Scheduler scheduler;
  private final PrefillQueue queue;
  private final StreamNode stream;
  private final Meters meters;
  private final OrderMeters orders;

  private PrefillNode(
      Scheduler scheduler,
      PrefillQueue queue,
      StreamNode stream,
      Meters meters,
      OrderMeters orders) {
    this.scheduler = scheduler;
    this.queue = queue;
    this.stream = stream;
    this.meters = meters;
    this.orders = orders;
  }

  /**
   * Starts to listen.
   *
   * @param listen HOST:PORT, port 0 for any free one
   * @param maxChunkTokens largest chunk an order may ask for
   * @param lease how long a silent decode node's session is kept
   * @param key what decode nodes must have too; null to listen on this machine only
   * @throws dev.baton.kvstream.StreamException when the endpoint cannot be had
   */
  public static PrefillNode launch(
      NodeCompute compute,
      String listen,
      int maxChunkTokens,
      Duration lease,
      @Nullable ClusterKey key) {
    Scheduler scheduler =
        new Scheduler(
            compute.model(), new Scheduler.Limits(maxChunkTokens, 0, 0), System::nanoTime);
    compute.keepFor(scheduler.thread());
    PrefillQueue queue = new PrefillQueue(scheduler, compute.model(), compute.pool());
    Meters meters = new Meters();
    compute.showIn(meters);
    OrderMeters orders = OrderMeters.of(queue, meters);
    try {
      StreamConfig config =
          StreamConfig.builder().listen(listen).clusterKey(key).leaseNs(lease.toNanos()).build();
      String name =
          "prefill node pid " + ProcessHandle.current().pid() + " (" + compute.description() + ")";
      StreamNode stream = StreamNode.launch(config, compute.identity(name, queue.limits()), queue);
      compute.keepFor(stream.thread());
      scheduler.onFailure(stream::fail);
      return new PrefillNode(scheduler, queue, stream, meters, orders);
    } catch (RuntimeException | Error e) {
      scheduler.close();
      throw e;
    }
  }

  /** Tells all decode nodes why their sessions end: what computes here will never answer again. */
  public void abandon(String reason) {
    scheduler.abandon(reason);
  }

  /**
   * Has {@code action} told why, once, should the node have failed: its sessions have ended, the
   * decode nodes have been told, and it takes no more. It is still to be closed.
   */
  public void onFailure(Consumer<String> action) {
    stream.onFailure(action);
  }

  /**
   * Has {@code action} told what became of each order from now on. On the stream's thread: it may
   * not wait.
   */
  public void onOrderEnd(Consumer<OrderReport> action) {
    orders.tell(action);
  }

  /** What orders did and how full the KV cache is: Prometheus' text format. Any thread. */
  public String metricsText() {
    return PrometheusText.of(meters);
  }

  /** HOST:PORT that decode nodes connect to. */
  public String endpoint() {
    return stream.endpoint();
  }

  /** How its datagrams are sent and received, and why so, one line for people. */
  public String datagrams() {
    return stream.offload().toString();
  }

  /** Sessions being computed or streamed. */
  public int sessions() {
    return queue.sessions();
  }

  /**
   * Ends the sessions with a reason, then everything else, within two seconds. Twice is fine. What
   * still computes then is left behind, and {@link NodeCompute#close} frees nothing under it.
   */
  @Override
  public void close() {
    stream.close();
    scheduler.close();
  }
}
