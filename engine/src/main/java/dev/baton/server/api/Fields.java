package dev.baton.server.api;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The fields of a request's JSON object. A field that is null counts as one that is not there; one
 * of another kind than was asked for is an error that names it.
 */
public final class Fields {
  private final JsonNode object;

  private Fields(JsonNode object) {
    this.object = object;
  }

  /**
   * Reads a request's body.
   *
   * @throws InvalidRequestException when it is no JSON object
   */
  public static Fields of(byte[] body) throws InvalidRequestException {
    JsonNode node;
    try {
      node = JsonMapper.shared().readTree(body);
    } catch (JacksonException e) {
      throw new InvalidRequestException(null, "the body is no JSON: " + e.getOriginalMessage());
    }
    if (!node.isObject()) {
      throw new InvalidRequestException(null, "the body is no JSON object");
    }
    return new Fields(node);
  }

  /** The field, or null. */
  public @Nullable JsonNode node(String name) {
    JsonNode value = object.get(name);
    return value == null || value.isNull() ? null : value;
  }

  public boolean has(String name) {
    return node(name) != null;
  }

  /** A text; empty where there is none. */
  public String text(String name) throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return "";
    }
    if (!value.isString()) {
      throw wrong(name, "a string");
    }
    return value.asString();
  }

  public boolean flag(String name) throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return false;
    }
    if (!value.isBoolean()) {
      throw wrong(name, "true or false");
    }
    return value.asBoolean();
  }

  public OptionalDouble number(String name, double least, double most)
      throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return OptionalDouble.empty();
    }
    if (!value.isNumber() || !(value.asDouble() >= least && value.asDouble() <= most)) {
      throw wrong(name, "a number from " + plain(least) + " to " + plain(most));
    }
    return OptionalDouble.of(value.asDouble());
  }

  public OptionalInt integer(String name, int least, int most) throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return OptionalInt.empty();
    }
    if (!isInteger(value) || value.asDouble() < least || value.asDouble() > most) {
      throw wrong(
          name,
          most == Integer.MAX_VALUE
              ? "an integer of " + least + " or more"
              : "an integer from " + least + " to " + most);
    }
    return OptionalInt.of((int) value.asDouble());
  }

  public OptionalLong longInteger(String name) throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return OptionalLong.empty();
    }
    if (!value.isIntegralNumber()) {
      throw wrong(name, "an integer");
    }
    return OptionalLong.of(value.bigIntegerValue().longValue());
  }

  /** A text or a list of texts. */
  public List<String> texts(String name) throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return List.of();
    }
    if (value.isString()) {
      return List.of(value.asString());
    }
    if (!value.isArray()) {
      throw wrong(name, "a string or a list of strings");
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode one : value) {
      if (!one.isString()) {
        throw wrong(name, "a string or a list of strings");
      }
      texts.add(one.asString());
    }
    return texts;
  }

  /** An object within it; without fields where there is none. */
  public Fields object(String name) throws InvalidRequestException {
    JsonNode value = node(name);
    if (value == null) {
      return new Fields(JsonMapper.shared().createObjectNode());
    }
    if (!value.isObject()) {
      throw wrong(name, "an object");
    }
    return new Fields(value);
  }

  /** That a field is not what it should be. */
  public static InvalidRequestException wrong(String name, String wanted) {
    return new InvalidRequestException(name, name + " must be " + wanted);
  }

  private static boolean isInteger(JsonNode value) {
    return value.isNumber() && value.asDouble() == Math.rint(value.asDouble());
  }

  private static String plain(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }
}
