/**
 * What all failures that users see have in common; uses nothing. Everything is in {@link
 * dev.baton.failure.ExplainedException}.
 */
@NullMarked
package dev.baton.failure;

import org.jspecify.annotations.NullMarked;
