package dev.baton.decode;

/**
 * Whether to go on waiting for a prefill node, or to finish here: looks now and then at what has
 * arrived, and compares what the rest would take with what finishing here takes. It never leaves a
 * node that is slow but still sooner than this one. The decode thread's; allocates nothing until it
 * leaves.
 */
sealed interface StragglerTimeout permits StragglerByForecast, StragglerByPace {
  /** By the forecast where there is one, else by what has arrived alone. */
  static StragglerTimeout of(RemotePrefill plan, long orderedNs, long orderedBytes) {
    PrefillForecast forecast = plan.forecast();
    return forecast == null || plan.patient()
        ? new StragglerByPace(orderedNs, orderedBytes, plan.patient())
        : new StragglerByForecast(forecast, orderedNs, orderedBytes);
  }

  /** True when the next look is due. */
  boolean isLookDue(long nowNs);

  /** Looks at what has arrived, in payload bytes since the order. */
  void look(long nowNs, long receivedBytes);

  /** The last look is none that counts. */
  void stays();

  /** Whether {@link #isOver} wants to know how long finishing here would take. */
  boolean compares();

  /** Compares the last look with finishing here; true when it is time to leave. */
  boolean isOver(long hereNs);

  /** Why it was left, one line. */
  String reason(long nowNs, long hereNs);

  /** How many times longer than forecast the node takes of late; 0 where that is not known. */
  default double timesSlower() {
    return 0;
  }
}
