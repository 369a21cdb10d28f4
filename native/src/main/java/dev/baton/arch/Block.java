package dev.baton.arch;

/**
 * One layer: {@code x += mixer(before(x))}, then {@code x += ffn(beforeFfn(x))}.
 *
 * @param before norm of what the mixer reads
 * @param beforeFfn norm of what the feed-forward part reads
 */
public record Block(Norm before, Mixer mixer, Norm beforeFfn, Ffn ffn) {}
