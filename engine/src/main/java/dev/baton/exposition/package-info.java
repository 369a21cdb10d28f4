/**
 * A node's figures as monitoring systems read them. Prometheus' own library writes the text, and is
 * used nowhere else; start reading at {@link dev.baton.exposition.PrometheusText}.
 */
@NullMarked
package dev.baton.exposition;

import org.jspecify.annotations.NullMarked;
