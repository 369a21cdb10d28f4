package dev.baton.server.openai;

import dev.baton.GenerateRequest;
import dev.baton.server.api.Fields;
import dev.baton.server.api.InvalidRequestException;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** What chat completions and completions differ by. */
interface Form {
  /** Fields that would change the answer in ways that are not there yet. */
  List<String> refused();

  /** The request's prompt. */
  GenerateRequest.Builder prompt(Fields fields) throws InvalidRequestException;

  /** What ids begin with. */
  String idPrefix();

  /** The object's name: of a whole answer, or of a piece of one. */
  String object(boolean isPiece);

  /** Puts a whole answer's text. */
  void putText(ObjectNode choice, String text);

  /** Puts what a stream begins with; false for nothing. */
  boolean putFirst(ObjectNode choice);

  /** Puts a piece of the text, or its end where that is empty. */
  void putPiece(ObjectNode choice, String text);
}
