package dev.baton.kvstream.message;

/**
 * What a receiver takes.
 *
 * @param bytes payload in all
 * @param rowsLimit boundary rows of tokens before this one
 */
public record Credit(long bytes, int rowsLimit) {}
