package dev.baton.answer;

/** Which parameters of tools are strings, whose values are not read as JSON. Any thread. */
public interface ParameterTypes {
  /** Nothing is known: what is JSON is read as such. */
  ParameterTypes UNKNOWN = (tool, parameter) -> false;

  boolean isString(String tool, String parameter);
}
