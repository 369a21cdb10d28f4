/**
 * The library behind HTTP: who may ask, and who answers what. What requests and answers look like
 * is each API's own package.
 */
@NullMarked
package dev.baton.server;

import org.jspecify.annotations.NullMarked;
