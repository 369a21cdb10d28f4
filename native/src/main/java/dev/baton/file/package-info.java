/**
 * Files that are there whole or not at all; uses nothing. Everything is in {@link
 * dev.baton.file.WholeFile}.
 */
@NullMarked
package dev.baton.file;

import org.jspecify.annotations.NullMarked;
