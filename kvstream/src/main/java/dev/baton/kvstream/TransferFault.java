package dev.baton.kvstream;

/** What kind of fault ended a transfer before all was there; the words for people say which. */
public enum TransferFault {
  /** The node that should compute it did not take the order. */
  REFUSED,
  /** Nothing was heard of that node for a lease. */
  SILENT,
  /** It gave the order up, left, or the connection ended. */
  CLOSED,
  /** What came was not what was ordered, or could not be stored. */
  WRONG
}
