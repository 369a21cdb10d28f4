/**
 * The command line: one class a command, over the library {@code dev.baton}. stdout carries a
 * command's result alone, stderr everything else. Start reading at {@link dev.baton.cli.BatonCli}.
 */
@NullMarked
package dev.baton.cli;

import org.jspecify.annotations.NullMarked;
