/**
 * The cluster key at work: what two nodes that have it derive for one link, and AES-256-GCM over
 * its messages. Uses the JDK's cryptography and the layout of messages; start reading at {@link
 * dev.baton.kvstream.seal.LinkSecrets}.
 */
@NullMarked
package dev.baton.kvstream.seal;

import org.jspecify.annotations.NullMarked;
