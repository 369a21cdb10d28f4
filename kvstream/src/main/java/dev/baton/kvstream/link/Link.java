package dev.baton.kvstream.link;

import dev.baton.kvstream.message.Frame;
import org.agrona.DirectBuffer;

/** What this node shares with one other node. Stream thread only. */
sealed interface Link permits DecodeSideLink, PrefillSideLink {
  /** Sends what is due and ends what is over; returns how much was done. */
  int doWork(long nowNs);

  /**
   * Takes a control message from the other node.
   *
   * @throws RuntimeException when it is none that belongs here; the link is to be ended then
   */
  void onControl(Frame frame, DirectBuffer buffer, long nowNs);

  /** True once the other node's messages are sealed. */
  boolean isSealed();

  /**
   * A message on a stream of the other node, sealed ones being due, was none that it sealed. The
   * link is none the worse, but for what stood there.
   */
  void spoiled(int streamSession);

  /** This node itself was stopped for so long. */
  void slept(long ns);

  /** Ends the link and all its sessions, and tells the other node, if it still can. */
  void end(String reason);

  /** True once the other node has shown that it is the one it says. */
  boolean isProven();

  /** True while sessions are open. */
  boolean isBusy();

  /** True when the link has ended and nothing is left to do for it. */
  boolean isOver();

  /** True when everything said to the other node is on its way. */
  boolean isDrained();

  /** The other node, as failures name it. */
  String label();
}
