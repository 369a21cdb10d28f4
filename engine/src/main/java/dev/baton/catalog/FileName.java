package dev.baton.catalog;

import java.nio.charset.Charset;
import java.nio.file.Path;

/** A path as a user writes it. */
public final class FileName {
  /** What the JVM takes file names in; ASCII where its locale is C, or not installed. */
  private static final String CHARSET_PROPERTY = "sun.jnu.encoding";

  private FileName() {}

  /** Why a text for which {@link Path#of} throws cannot name a file, with what to do; one line. */
  public static String misfit(String text) {
    String charset = System.getProperty(CHARSET_PROPERTY, "");
    boolean fits =
        !Charset.isSupported(charset) || Charset.forName(charset).newEncoder().canEncode(text);
    return "'"
        + text.replaceAll("\\p{Cntrl}", "?")
        + "' cannot name a file"
        + (fits
            ? ""
            : " in this JVM, whose locale has only the letters of "
                + charset
                + "; start it with LC_ALL=C.UTF-8 in the environment");
  }
}
