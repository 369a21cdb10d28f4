package dev.baton.server.api;

import dev.baton.Baton;

/**
 * A model that is served.
 *
 * @param name what clients call it
 * @param engine answers
 * @param loadedAt seconds since 1970
 */
public record ServedModel(String name, Baton engine, long loadedAt) {}
