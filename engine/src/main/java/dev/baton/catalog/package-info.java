/**
 * The models Baton knows by name: where each comes from, its licence, the SHA-256 its bytes must
 * have, and the cache folder they are kept in. Uses nothing else of Baton; start reading at {@link
 * dev.baton.catalog.ModelCatalog}.
 */
@NullMarked
package dev.baton.catalog;

import org.jspecify.annotations.NullMarked;
