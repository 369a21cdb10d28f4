package dev.baton.template;

import dev.baton.template.Syntax.Node;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A chat template in Jinja, as {@code transformers} runs it: white space around statements is
 * trimmed, nothing is escaped, {@code break}, {@code continue} and {@code generation} are known,
 * and values cannot be changed but for namespaces. Immutable; any thread.
 *
 * <p>A template is another's program: steps, depth and what it writes are bounded.
 */
public final class Template {
  private final Source source;
  private final List<Node> nodes;

  private Template(Source source, List<Node> nodes) {
    this.source = source;
    this.nodes = nodes;
  }

  /**
   * A string that the template may take for its own, such as the name of the BOS token; other
   * strings are marked.
   */
  public record Trusted(String text) {}

  /**
   * A part of what was written.
   *
   * @param marked whether it came from a variable, and so may name no control token
   */
  public record Piece(String text, boolean marked) {}

  /**
   * Reads a template.
   *
   * @throws TemplateException where it cannot be read
   */
  public static Template parse(String text) {
    Source source = Source.of(text);
    try {
      return new Template(source, Parser.parse(source));
    } catch (StackOverflowError _) {
      throw new TemplateException("is nested too deep");
    }
  }

  /**
   * What the template writes, neighbouring parts of one kind joined.
   *
   * @param variables null, Boolean, Number, String, {@link Trusted}, List and Map
   * @param now what {@code strftime_now} gives
   * @throws TemplateException where it fails, takes too much or refuses the conversation
   */
  public List<Piece> render(Map<String, ? extends @Nullable Object> variables, ZonedDateTime now) {
    Scope scope = new Scope(null);
    Globals.set(scope, now);
    Interpreter interpreter = new Interpreter();
    try {
      variables.forEach((name, value) -> scope.set(name, Values.input(value)));
      return pieces(interpreter.render(nodes, scope));
    } catch (TemplateException e) {
      throw e.at(source.place(interpreter.at()));
    } catch (StackOverflowError _) {
      throw new TemplateException("is nested too deep").at(source.place(interpreter.at()));
    }
  }

  private static List<Piece> pieces(Text text) {
    List<Piece> pieces = new ArrayList<>();
    for (int at = 0; at < text.chars().length(); at = text.runEnd(at)) {
      pieces.add(new Piece(text.chars().substring(at, text.runEnd(at)), text.isMarkedAt(at)));
    }
    return pieces;
  }
}
