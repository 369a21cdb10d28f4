/** The harness's processes, which end with the command that started them. */
@NullMarked
package dev.baton.bench.process;

import org.jspecify.annotations.NullMarked;
