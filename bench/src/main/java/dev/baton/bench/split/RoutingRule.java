package dev.baton.bench.split;

/** What others decide by, where they decide at all: all here, or the whole prefill elsewhere. */
enum RoutingRule {
  LOCAL("always local", Integer.MAX_VALUE),
  REMOTE("always remote", 0),
  /** exo: a prompt goes to the prefill node above 1,000 uncached tokens. */
  EXO("EXO", 1001),
  /** Dynamo's conditional disaggregation: below 2,048 tokens a prompt stays. */
  DYNAMO("Dynamo", 2048);

  private final String title;
  private final int leastRemoteTokens;

  RoutingRule(String title, int leastRemoteTokens) {
    this.title = title;
    this.leastRemoteTokens = leastRemoteTokens;
  }

  String title() {
    return title;
  }

  /** Which candidate it takes for a prompt of so many uncached tokens. */
  String choice(int promptTokens) {
    return promptTokens >= leastRemoteTokens ? ShapeRegret.REMOTE : ShapeRegret.LOCAL;
  }
}
