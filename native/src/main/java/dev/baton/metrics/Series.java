package dev.baton.metrics;

import java.util.regex.Pattern;

/**
 * What a meter is called: series of one name are one metric, told apart by their label's value.
 *
 * @param name as Prometheus has it, with the unit in it and without {@code _total}: {@code
 *     baton_output_tokens}
 * @param help what it is, one sentence; the same for all series of the name
 * @param label what tells the series apart; empty where there is one only
 * @param value the label's
 */
public record Series(String name, String help, String label, String value) {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]*");

  public Series {
    boolean unlabelled = label.isEmpty() && value.isEmpty();
    if (!NAME.matcher(name).matches() || !(unlabelled || NAME.matcher(label).matches())) {
      throw new IllegalArgumentException("no name for a metric: " + name + "{" + label + "}");
    }
  }

  /** The only one of its name. */
  public static Series of(String name, String help) {
    return new Series(name, help, "", "");
  }

  /** One of several. */
  public Series with(String labelName, String labelValue) {
    return new Series(name, help, labelName, labelValue);
  }
}
