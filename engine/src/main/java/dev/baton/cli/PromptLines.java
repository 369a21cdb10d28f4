package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.Baton;
import dev.baton.BatonException;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * The requests of a node that answers some of its own: each line of standard input is a prompt, and
 * each answer a line of JSON on standard output, when it is whole. All at once; the numbers of the
 * lines say which is whose.
 */
final class PromptLines implements AutoCloseable {
  private final Terminal terminal;
  private final Baton baton;
  private final int maxTokens;
  private final ExecutorService answering =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("baton-answer-", 0).factory());

  /** What is printed for a prompt: its answer, or why there is none. */
  record Answer(
      int line, @Nullable String text, @Nullable String error, @Nullable ObjectNode report) {}

  PromptLines(Terminal terminal, Baton baton, int maxTokens) {
    this.terminal = terminal;
    this.baton = baton;
    this.maxTokens = maxTokens;
  }

  /**
   * Reads on a thread of its own until the input ends.
   *
   * @param whenAnswered run when it has, and all is answered
   */
  void begin(Runnable whenAnswered) {
    Thread.ofPlatform()
        .daemon()
        .name("baton-prompts")
        .start(() -> {
          read();
          answering.close();
          whenAnswered.run();
        });
  }

  private void read() {
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(terminal.in(), UTF_8))) {
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int of = ++number;
        String prompt = line;
        answering.execute(() -> print(answer(of, prompt)));
      }
    } catch (IOException e) {
      terminal.complain("standard input cannot be read: " + e.getMessage());
    }
  }

  private Answer answer(int line, String prompt) {
    GenerateRequest request = GenerateRequest.of(prompt).withMaxTokens(maxTokens);
    StringBuilder all = new StringBuilder();
    try (Generation generation = baton.generate(request)) {
      for (String text = generation.next(); text != null; text = generation.next()) {
        all.append(text);
      }
      return new Answer(line, all.toString(), null, ReportJson.of(generation.report()));
    } catch (BatonException | IllegalStateException e) {
      return new Answer(line, null, Failure.oneLine(String.valueOf(e.getMessage())), null);
    } catch (InterruptedException _) {
      return new Answer(line, null, "the node ends", null);
    }
  }

  private synchronized void print(Answer answer) {
    terminal.println(Json.line(answer));
  }

  /** Answers that are under way end with a failure when the engine is closed. */
  @Override
  public void close() {
    answering.shutdown();
  }
}
