package dev.baton.server.api;

import dev.baton.http.HttpException;
import org.jspecify.annotations.Nullable;

/** A request that says something that cannot be done; it is answered 400. */
public final class InvalidRequestException extends HttpException {
  private static final long serialVersionUID = 1;

  private final @Nullable String param;
  private final @Nullable String code;

  /**
   * @param param the field that is wrong, or null
   */
  public InvalidRequestException(@Nullable String param, String message) {
    this(param, null, message);
  }

  /**
   * @param code a word for programs, or null
   */
  public InvalidRequestException(@Nullable String param, @Nullable String code, String message) {
    super(400, message);
    this.param = param;
    this.code = code;
  }

  public @Nullable String param() {
    return param;
  }

  public @Nullable String code() {
    return code;
  }
}
