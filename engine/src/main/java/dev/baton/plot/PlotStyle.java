package dev.baton.plot;

/** How plots look: one style sheet, light and dark. */
public final class PlotStyle {
  /**
   * For a page's head, or a picture that stands alone. Colours that people with any colour vision
   * tell apart (after Okabe and Ito, 2008), darkened or lightened until small text in them has a
   * contrast of 4.5 to 1.
   */
  public static final String CSS =
      """
      :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#e4e7eb;\
      --c0:#0060a8;--c1:#b34700;--c2:#00785a;--c3:#8a4a86;--c4:#7a5c00;--c5:#4f5b66}
      @media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e8eaed;--soft:#a3abb5;--rule:#2d333b;\
      --c0:#62b6ff;--c1:#ff9457;--c2:#35c99f;--c3:#df9bd8;--c4:#dcb53f;--c5:#aeb8c2}}
      .plot{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;display:block;width:100%;height:auto}
      .plot text{fill:var(--soft)}.plot .strong{fill:var(--ink);font-weight:600}
      .paper{fill:var(--paper)}.rule{stroke:var(--rule)}.axis{stroke:var(--soft)}
      .mark{stroke:var(--ink);stroke-dasharray:3 4}
      .curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
      .halo{fill:none;stroke-width:11;opacity:.26;stroke-linejoin:round;stroke-linecap:round}
      .point{opacity:.8;stroke:var(--paper)}
      .spread{stroke-width:3;opacity:.38;stroke-linecap:round}.band{fill:var(--rule);opacity:.6}
      .k0{stroke:var(--c0)}.k1{stroke:var(--c1)}.k2{stroke:var(--c2)}\
      .k3{stroke:var(--c3)}.k4{stroke:var(--c4)}.k5{stroke:var(--c5)}
      .f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}\
      .f3{fill:var(--c3)}.f4{fill:var(--c4)}.f5{fill:var(--c5)}
      .plot text.f0{fill:var(--c0)}.plot text.f1{fill:var(--c1)}.plot text.f2{fill:var(--c2)}\
      .plot text.f3{fill:var(--c3)}.plot text.f4{fill:var(--c4)}.plot text.f5{fill:var(--c5)}
      """;

  private static final int COLOURS = 6;

  private PlotStyle() {}

  /** The look of a line of the i-th kind. */
  public static String stroke(int i) {
    return "k" + i % COLOURS;
  }

  /** The look of a mark or a text of the i-th kind. */
  public static String fill(int i) {
    return "f" + i % COLOURS;
  }
}
