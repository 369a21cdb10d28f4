/**
 * The library: {@link dev.baton.Baton} opens a model and answers requests, splitting each between a
 * prefill node and this process. Start reading there.
 */
@NullMarked
package dev.baton;

import org.jspecify.annotations.NullMarked;
