/**
 * What all APIs share: the models, how a request is taken in and its answer goes on its way, the
 * fields of a request, and what is wrong with one.
 */
@NullMarked
package dev.baton.server.api;

import org.jspecify.annotations.NullMarked;
