/**
 * Connections between nodes: greeting, proof, lease, resumption, and the one thread that does
 * everything a node's stream does. Stands on all other packages of the wire; start reading at
 * {@link dev.baton.kvstream.link.StreamNode}, then the two sides of a link.
 */
@NullMarked
package dev.baton.kvstream.link;

import org.jspecify.annotations.NullMarked;
