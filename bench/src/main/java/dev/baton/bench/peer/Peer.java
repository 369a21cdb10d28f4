package dev.baton.bench.peer;

/** Another engine, whose command is run once for every measurement. One thread. */
interface Peer {
  /** What figures call it. */
  String name();

  /** Whether it can say how fast a prompt was. */
  boolean prefills();

  /** Whether it can say how fast an answer was. */
  boolean decodes();

  /**
   * Tokens a second of a prompt.
   *
   * @throws dev.baton.bench.report.WrongResult where it fails or prints something else
   */
  double prefill(int threads, int tokens) throws InterruptedException;

  /**
   * Tokens a second of an answer behind {@code depth} tokens.
   *
   * @throws dev.baton.bench.report.WrongResult where it fails or prints something else
   */
  double decode(int threads, int depth, int tokens) throws InterruptedException;

  /** The start of what it printed, for a complaint. */
  static String firstLine(String text) {
    String line = text.strip().lines().findFirst().orElse("nothing");
    return line.length() > 200 ? line.substring(0, 200) + "…" : line;
  }

  /** What a failed command said at its end. */
  static String lastLine(String said) {
    return said.strip().lines().reduce("", (_, last) -> last);
  }
}
