package dev.baton.plot;

import java.util.Formatter;
import java.util.Locale;

/**
 * One picture, written element by element; looks are classes of {@link PlotStyle}. One thread.
 *
 * <p>Coordinates are CSS pixels from the top left.
 */
public final class Svg {
  private final Formatter out = new Formatter(new StringBuilder(), Locale.ROOT);

  /**
   * Begins a picture.
   *
   * @param id its own within the page
   * @param title what it shows, in one line
   * @param description the same at length, for those who do not see it
   */
  public Svg(String id, double width, double height, String title, String description) {
    out.format(
        "<svg xmlns='http://www.w3.org/2000/svg' class='plot' viewBox='0 0 %.0f %.0f' role='img'"
            + " aria-labelledby='%s-title %s-desc'>\n",
        width, height, id, id);
    out.format("<title id='%s-title'>%s</title>\n", id, escaped(title));
    out.format("<desc id='%s-desc'>%s</desc>\n", id, escaped(description));
  }

  /** Writes the looks into the picture itself, so that it can be a file of its own. */
  public Svg withStyle() {
    out.format(
        "<style>%s</style>\n<rect class='paper' width='100%%' height='100%%'/>\n", PlotStyle.CSS);
    return this;
  }

  public Svg line(String look, double x1, double y1, double x2, double y2) {
    out.format(
        "<line class='%s' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>\n", look, x1, y1, x2, y2);
    return this;
  }

  /**
   * Points joined by lines.
   *
   * @param xy x and y of each point in turn
   */
  public Svg polyline(String look, double... xy) {
    out.format("<polyline class='%s' points='", look);
    points(xy);
    return this;
  }

  /** The area within such lines. */
  public Svg polygon(String look, double... xy) {
    out.format("<polygon class='%s' points='", look);
    points(xy);
    return this;
  }

  private void points(double[] xy) {
    for (int i = 0; i + 1 < xy.length; i += 2) {
      out.format(i == 0 ? "%.1f,%.1f" : " %.1f,%.1f", xy[i], xy[i + 1]);
    }
    out.format("'/>\n");
  }

  /** A circle that tells what it is when it is pointed at. */
  public Svg dot(String look, double x, double y, double radius, String tip) {
    out.format("<circle class='%s' cx='%.1f' cy='%.1f' r='%.1f'>", look, x, y, radius);
    out.format("<title>%s</title></circle>\n", escaped(tip));
    return this;
  }

  /** A rectangle that does the same. */
  public Svg bar(String look, double x, double y, double width, double height, String tip) {
    out.format(
        "<rect class='%s' x='%.1f' y='%.1f' width='%.1f' height='%.1f'>",
        look, x, y, width, height);
    out.format("<title>%s</title></rect>\n", escaped(tip));
    return this;
  }

  /**
   * A line of text.
   *
   * @param anchor {@code start}, {@code middle} or {@code end}
   */
  public Svg text(String look, double x, double y, String anchor, String text) {
    out.format(
        "<text class='%s' x='%.1f' y='%.1f' text-anchor='%s'>%s</text>\n",
        look, x, y, anchor, escaped(text));
    return this;
  }

  /** Ends the picture. */
  public String end() {
    return out.format("</svg>\n").toString();
  }

  /** Text as it may stand in XML and HTML, in attributes too. */
  public static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&quot;");
  }
}
