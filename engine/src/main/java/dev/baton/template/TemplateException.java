package dev.baton.template;

import dev.baton.failure.ExplainedException;
import java.util.Objects;

/** What is wrong with a template, or what it refuses: one line, with the place in its text. */
public final class TemplateException extends ExplainedException {
  private static final long serialVersionUID = 1L;

  private final boolean refused;

  TemplateException(String message) {
    this(message, false);
  }

  private TemplateException(String message, boolean refused) {
    super(message);
    this.refused = refused;
  }

  /** What the template itself says of a conversation that it does not take. */
  static TemplateException refusal(String message) {
    return new TemplateException(message, true);
  }

  /** What to say where there is no template to run. */
  public static TemplateException unusable(String why) {
    return new TemplateException(why);
  }

  /** Whether the template itself does not take the conversation. */
  public boolean isRefusal() {
    return refused;
  }

  TemplateException at(String place) {
    String line = Objects.requireNonNull(getMessage()).strip().replaceAll("\\s*\\R\\s*", " ");
    return new TemplateException(place + ": " + line, refused);
  }
}
