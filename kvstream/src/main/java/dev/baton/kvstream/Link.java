package dev.baton.kvstream;

import org.agrona.DirectBuffer;

/** What this node shares with one other node. Stream thread only. */
sealed interface Link permits PrefillLink, DecodeLink {
  /** Sends what is due and ends what is over; returns how much was done. */
  int doWork(long nowNs);

  /**
   * Takes a control message from the other node.
   *
   * @throws RuntimeException when it is none that belongs here; the link is to be ended then
   */
  void onControl(Frame frame, DirectBuffer buffer, long nowNs);

  /** This node itself was stopped for so long. */
  void slept(long ns);

  /** Ends the link and all its sessions, and tells the other node, if it still can. */
  void end(String reason);

  /** True while sessions are open. */
  boolean isBusy();

  /** True when the link has ended and nothing is left to do for it. */
  boolean isOver();

  /** True when everything said to the other node is on its way. */
  boolean isDrained();

  /** The other node, as failures name it. */
  String label();
}
