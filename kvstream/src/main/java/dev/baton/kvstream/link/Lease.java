package dev.baton.kvstream.link;

import java.util.Locale;

/** How long a silent peer is waited for, and when to say that we are still here. One thread. */
final class Lease {
  private static final int RENEWALS = 12;

  /** A share of the lease after which a silent peer is worth a new greeting. */
  private static final int QUIET = 4;

  private static final long LEAST_QUIET_NS = 250_000_000;

  private final long leaseNs;
  private long renewalNs;
  private long heardNs;
  private long nextRenewalNs;

  Lease(long leaseNs, long nowNs) {
    this.leaseNs = leaseNs;
    this.renewalNs = leaseNs / RENEWALS;
    this.heardNs = nowNs;
    this.nextRenewalNs = nowNs;
  }

  /** The peer waits only this long for us. */
  void peerWaits(long peerLeaseNs) {
    renewalNs = Math.min(leaseNs, peerLeaseNs) / RENEWALS;
  }

  void heard(long nowNs) {
    heardNs = nowNs;
  }

  /** This node itself did nothing for so long: that is no silence of the peer. */
  void slept(long ns) {
    heardNs += ns;
  }

  boolean isOver(long nowNs) {
    return nowNs - heardNs > leaseNs;
  }

  /** True when the connection seems broken, long before the lease ends. */
  boolean isQuiet(long nowNs) {
    return nowNs - heardNs > quietNs();
  }

  /** How long a greeting, or anything else, is waited for before the connection seems broken. */
  long quietNs() {
    return Math.max(leaseNs / QUIET, LEAST_QUIET_NS);
  }

  /** How long nothing was heard. */
  long silentNs(long nowNs) {
    return nowNs - heardNs;
  }

  boolean isRenewalDue(long nowNs) {
    return nowNs - nextRenewalNs >= 0;
  }

  void renewed(long nowNs) {
    nextRenewalNs = nowNs + renewalNs;
  }

  /** Asks for the next renewal earlier than the lease needs it. */
  void renewAt(long atNs) {
    nextRenewalNs = atNs;
  }

  long lengthNs() {
    return leaseNs;
  }

  /** A time for people. */
  static String seconds(long ns) {
    return String.format(Locale.ROOT, "%.1f s", ns / 1e9);
  }
}
