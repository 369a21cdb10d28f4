/** OpenAI's API: chat completions, completions, models. */
@NullMarked
package dev.baton.server.openai;

import org.jspecify.annotations.NullMarked;
