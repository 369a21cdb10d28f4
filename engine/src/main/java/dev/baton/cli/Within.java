package dev.baton.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The values that an option with a number takes, or each of several; every such option says it. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
public @interface Within {
  /** The smallest. */
  double least() default -Float.MAX_VALUE;

  /** The largest. */
  double most() default Float.MAX_VALUE;

  /** Values are above this, in place of {@link #least}. */
  double above() default Double.NaN;
}
