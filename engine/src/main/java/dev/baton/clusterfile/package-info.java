/**
 * A cluster as people write it down: a TOML file of nodes and links, and speed profiles as files.
 * Uses the device catalog for what the file only names; start reading at {@link
 * dev.baton.clusterfile.ClusterFile}.
 */
@NullMarked
package dev.baton.clusterfile;

import org.jspecify.annotations.NullMarked;
