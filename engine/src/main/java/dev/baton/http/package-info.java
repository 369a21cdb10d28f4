/**
 * HTTP as the server needs it: sockets on Netty's event loop, which keeps reading and so sees at
 * once when a client is gone; a virtual thread for each request. Knows nothing of models.
 */
@NullMarked
package dev.baton.http;

import org.jspecify.annotations.NullMarked;
