package dev.baton.cli;

import tools.jackson.databind.json.JsonMapper;

/** Results for machines. */
final class Json {
  private Json() {}

  /** A value, of records, lists and maps, as one line of JSON. */
  static String line(Object value) {
    return JsonMapper.shared().writeValueAsString(value);
  }
}
