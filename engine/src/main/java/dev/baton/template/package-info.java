/**
 * Chat templates: the Jinja that they are written in, with the semantics of Python's jinja2 as
 * {@code transformers} sets it up, and marks on all text that did not come from the template. Uses
 * nothing of Baton but its exceptions; start reading at {@link dev.baton.template.Template}.
 */
@NullMarked
package dev.baton.template;

import org.jspecify.annotations.NullMarked;
