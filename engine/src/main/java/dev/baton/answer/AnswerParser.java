package dev.baton.answer;

import dev.baton.answer.AnswerFormat.Marks;
import dev.baton.answer.AnswerPart.ToolCall;
import java.util.ArrayList;
import java.util.List;

/**
 * Takes an answer apart while it is written: what comes out does not depend on where the text was
 * cut. What may still become a mark is held back; what looks like a call and is none is text. One
 * thread.
 */
public final class AnswerParser {
  private enum Inside {
    TEXT,
    REASONING,
    CALL
  }

  private final AnswerFormat format;
  private final ParameterTypes types;
  private final StringBuilder pending = new StringBuilder();
  private final List<AnswerPart> parts = new ArrayList<>();
  private Inside inside;
  private boolean skipsSpace;
  private String spaceBefore = "";
  private int looked; // up to where no mark that closes begins

  /**
   * @param reasoningBegun whether the prompt's end has opened the reasoning
   */
  public AnswerParser(AnswerFormat format, ParameterTypes types, boolean reasoningBegun) {
    this.format = format;
    this.types = types;
    this.inside = reasoningBegun ? Inside.REASONING : Inside.TEXT;
    this.skipsSpace = reasoningBegun;
  }

  /** What a further piece of the answer makes certain. */
  public List<AnswerPart> feed(String piece) {
    pending.append(piece);
    return taken(false);
  }

  /** The rest, once the answer has ended. */
  public List<AnswerPart> finish() {
    return taken(true);
  }

  private List<AnswerPart> taken(boolean ended) {
    boolean more = true;
    while (more) {
      more =
          switch (inside) {
            case TEXT -> text(ended);
            case REASONING -> reasoning(ended);
            case CALL -> call(ended);
          };
    }
    List<AnswerPart> taken = List.copyOf(parts);
    parts.clear();
    return taken;
  }

  private boolean text(boolean ended) {
    skipSpace();
    Marks think = AnswerFormat.THINK;
    int call = pending.indexOf(format.calls().opening());
    int reasoning = pending.indexOf(think.opening());
    boolean isCall = call >= 0 && (reasoning < 0 || call < reasoning);
    int at = isCall ? call : reasoning;
    if (at < 0) {
      int held = ended ? 0 : held(format.calls().opening(), think.opening());
      emit(pending.length() - held, false);
      return false;
    }
    int end = withoutSpace(at);
    String space = pending.substring(end, at);
    emit(end, false);
    pending.delete(0, space.length() + (isCall ? format.calls() : think).opening().length());
    spaceBefore = space;
    looked = 0;
    inside = isCall ? Inside.CALL : Inside.REASONING;
    skipsSpace = !isCall;
    return true;
  }

  private boolean reasoning(boolean ended) {
    skipSpace();
    String closing = AnswerFormat.THINK.closing();
    int at = pending.indexOf(closing);
    if (at < 0) {
      emit(pending.length() - (ended ? 0 : held(closing)), true);
      return false;
    }
    int end = withoutSpace(at);
    emit(end, true);
    pending.delete(0, at - end + closing.length());
    inside = Inside.TEXT;
    skipsSpace = true;
    return true;
  }

  private boolean call(boolean ended) {
    String closing = format.calls().closing();
    int at = pending.indexOf(closing, looked);
    if (at < 0) {
      looked = Math.max(looked, pending.length() - closing.length() + 1);
      if (ended) {
        closed(pending.length(), "");
      }
      return ended;
    }
    if (format.syntax().goesOn(pending.substring(0, at))) {
      looked = at + 1;
      return true;
    }
    closed(at, closing);
    return true;
  }

  /** What stands between the marks is whole. */
  private void closed(int end, String closing) {
    String body = pending.substring(0, end);
    List<ToolCall> calls = body.isBlank() ? List.of() : format.syntax().calls(body.strip(), types);
    if (calls.isEmpty()) {
      parts.add(new AnswerPart.Text(spaceBefore + format.calls().opening() + body + closing));
    }
    parts.addAll(calls);
    pending.delete(0, end + closing.length());
    inside = Inside.TEXT;
    skipsSpace = !calls.isEmpty();
  }

  private void emit(int end, boolean isReasoning) {
    if (end > 0) {
      String text = pending.substring(0, end);
      parts.add(isReasoning ? new AnswerPart.Reasoning(text) : new AnswerPart.Text(text));
      pending.delete(0, end);
    }
  }

  /** White space behind reasoning and calls belongs to nobody. */
  private void skipSpace() {
    if (skipsSpace) {
      int from = 0;
      while (from < pending.length() && Character.isWhitespace(pending.charAt(from))) {
        from++;
      }
      pending.delete(0, from);
      skipsSpace = pending.isEmpty();
    }
  }

  private int withoutSpace(int to) {
    int end = to;
    while (end > 0 && Character.isWhitespace(pending.charAt(end - 1))) {
      end--;
    }
    return end;
  }

  /** How much of the end may be a mark's beginning, with the white space before it. */
  private int held(String... marks) {
    int begun = 0;
    for (String mark : marks) {
      for (int length = Math.min(mark.length() - 1, pending.length()); length > begun; length--) {
        if (mark.startsWith(pending.substring(pending.length() - length))) {
          begun = length;
        }
      }
    }
    return pending.length() - withoutSpace(pending.length() - begun);
  }
}
