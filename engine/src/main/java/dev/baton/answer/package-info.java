/**
 * What a model's answer is made of: text, reasoning and tool calls, found while it is written. Uses
 * nothing of Baton; start reading at {@link dev.baton.answer.AnswerParser}.
 */
@NullMarked
package dev.baton.answer;

import org.jspecify.annotations.NullMarked;
