package dev.baton;

import dev.baton.decode.DecodeOutcome;
import dev.baton.kvstream.TransferFault;
import dev.baton.kvstream.TransferReport;
import dev.baton.metrics.Counter;
import dev.baton.metrics.CounterFamily;
import dev.baton.metrics.Meters;
import dev.baton.metrics.Series;
import org.jspecify.annotations.Nullable;

/** What came from prefill nodes, and why some did not; counted at a request's end. Any thread. */
final class TransferMeters {
  /** Why a prefill that was to be done elsewhere was done here. */
  private enum Fault {
    UNREACHABLE,
    REFUSED,
    SILENT,
    CLOSED,
    WRONG,
    SLOWER
  }

  private static final System.Logger LOG = System.getLogger("dev.baton");

  private final CounterFamily<Fault> faults;
  private final Counter receivedBytes;
  private final Counter savedBytes;
  private final Counter resumes;
  private final Counter spoiled;

  TransferMeters(Meters meters) {
    faults =
        meters.counters(
            Series.of("baton_prefill_faults", "Prefills that were finished here instead, by why."),
            "kind",
            Fault.class);
    receivedBytes =
        meters.counter(
            Series.of(
                "baton_stream_received_bytes",
                "KV and boundary rows from prefill nodes, repeats included."));
    savedBytes =
        meters.counter(
            Series.of(
                "baton_stream_saved_bytes",
                "What was there when a connection was made anew, and did not come again."));
    resumes =
        meters.counter(
            Series.of("baton_stream_resumes", "Transfers that went on over a new connection."));
    spoiled =
        meters.counter(
            Series.of(
                "baton_stream_spoiled_messages", "Messages that came again, their digest wrong."));
  }

  /**
   * A request has ended.
   *
   * @param unplanned why its plan could not even be begun, or null
   */
  void ended(DecodeOutcome outcome, @Nullable String unplanned) {
    TransferReport transfer = outcome.transfer();
    if (transfer != null) {
      receivedBytes.add(transfer.kvBytes() + transfer.hiddenBytes());
      savedBytes.add(transfer.savedBytes());
      resumes.add(transfer.resumes());
      spoiled.add(transfer.spoiledMessages());
    }
    String why = unplanned != null ? unplanned : outcome.fallback();
    if (why != null) {
      faults.of(unplanned != null ? Fault.UNREACHABLE : fault(transfer)).increment();
      LOG.log(System.Logger.Level.INFO, "a prefill was finished here: {0}", why);
    }
  }

  private static Fault fault(@Nullable TransferReport transfer) {
    if (transfer == null) {
      return Fault.REFUSED; // the order could not even be sent
    }
    TransferFault fault = transfer.fault();
    return switch (fault) {
      case null -> Fault.SLOWER; // nothing was wrong with it: here it was sooner
      case REFUSED -> Fault.REFUSED;
      case SILENT -> Fault.SILENT;
      case CLOSED -> Fault.CLOSED;
      case WRONG -> Fault.WRONG;
    };
  }
}
