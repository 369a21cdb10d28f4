/**
 * Messages as bytes: writes and reads what nodes say on the control streams, over the codecs that
 * are generated from {@code baton-wire.xml}; bounds come before reads. Knows nothing of
 * connections; start reading at {@link dev.baton.kvstream.message.Frame}, then the table in this
 * module's README.
 */
@NullMarked
package dev.baton.kvstream.message;

import org.jspecify.annotations.NullMarked;
