/**
 * Nodes: what a process needs to compute ({@link dev.baton.node.NodeCompute}), a prefill node
 * ({@link dev.baton.node.PrefillNode}), and one started as a child ({@link
 * dev.baton.node.ChildNode}). Uses the modules below; knows nothing of the façade.
 */
@NullMarked
package dev.baton.node;

import org.jspecify.annotations.NullMarked;
