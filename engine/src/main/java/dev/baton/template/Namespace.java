package dev.baton.template;

/** {@code namespace()}: the one value whose attributes a template can set. */
record Namespace(Dict attributes) {}
