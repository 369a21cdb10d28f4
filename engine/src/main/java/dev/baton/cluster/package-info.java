/**
 * Nodes: what a process needs to compute ({@link dev.baton.cluster.NodeCompute}), a prefill node
 * ({@link dev.baton.cluster.PrefillNode}), and one started as a child ({@link
 * dev.baton.cluster.ChildNode}). Uses the modules below; knows nothing of the façade.
 */
@NullMarked
package dev.baton.cluster;

import org.jspecify.annotations.NullMarked;
