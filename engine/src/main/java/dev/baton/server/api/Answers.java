package dev.baton.server.api;

import dev.baton.BatonException;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.http.HttpException;
import dev.baton.http.HttpExchange;
import dev.baton.http.LostClientException;
import dev.baton.template.TemplateException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * An answer's way from an engine to a client, the same for each API: taken in or refused before the
 * first byte, cancelled in whatever phase it is when the client is gone. Any thread.
 */
public final class Answers {
  /** What an API does with an answer. */
  public interface Writer {
    /** A piece of its text. */
    void piece(String text) throws LostClientException, InterruptedException;
  }

  private final Map<String, Admission> admissions = new HashMap<>();

  /**
   * @param maxQueue requests of a model that may wait
   */
  public Answers(ServedModels models, int maxQueue) {
    for (ServedModel model : models.all()) {
      admissions.put(model.name(), new Admission(model.engine().maxSessions() + maxQueue));
    }
  }

  /** An answer that was taken in. Close it. */
  public static final class Taken implements AutoCloseable {
    private final Admission admission;
    private final Generation generation;

    private Taken(Admission admission, Generation generation) {
      this.admission = admission;
      this.generation = generation;
    }

    public Generation generation() {
      return generation;
    }

    /**
     * Gives each piece of the text to {@code writer}, to the end.
     *
     * @throws HttpException 500 when the answer failed
     * @throws LostClientException when nobody waits for it any more
     */
    public void write(HttpExchange exchange, Writer writer)
        throws HttpException, InterruptedException {
      try {
        for (String text = generation.next(); text != null; text = generation.next()) {
          if (exchange.isLost()) {
            throw new LostClientException();
          }
          writer.piece(text);
        }
      } catch (BatonException e) {
        throw new HttpException(500, "the answer failed: " + e.getMessage());
      }
      if (exchange.isLost()) {
        throw new LostClientException();
      }
    }

    @Override
    public void close() {
      generation.close();
      admission.leave();
    }
  }

  /**
   * Takes a request in. Its answer is cancelled when the client is gone.
   *
   * @throws HttpException 400 when it does not fit the model, 429 when too many wait, 503 when the
   *     engine has failed
   */
  public Taken take(HttpExchange exchange, ServedModel model, GenerateRequest request)
      throws HttpException {
    Admission admission = Objects.requireNonNull(admissions.get(model.name()));
    admission.enter();
    Generation generation = null;
    try {
      generation = model.engine().generate(request);
    } catch (BatonException e) {
      throw e.isContextOverflow()
          ? new InvalidRequestException(
              "messages", "context_length_exceeded", String.valueOf(e.getMessage()))
          : new InvalidRequestException(null, String.valueOf(e.getMessage()));
    } catch (TemplateException e) {
      throw new InvalidRequestException("messages", String.valueOf(e.getMessage()));
    } catch (IllegalStateException e) {
      throw new HttpException(503, String.valueOf(e.getMessage()));
    } finally {
      if (generation == null) {
        admission.leave();
      }
    }
    exchange.onLost(generation::cancel);
    return new Taken(admission, generation);
  }
}
