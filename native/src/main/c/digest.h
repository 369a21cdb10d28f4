/*
 * The digest of rows on the wire, as dev.baton.kernel.RowDigest has it: the sum of one hash for
 * each row. A hash is NH over 8-byte words, keyed by their place, then mixed with the row's place.
 */
#ifndef BATON_DIGEST_H
#define BATON_DIGEST_H

#include "kernels.h"
#include "vec.h"

/* NH of `bytes` bytes, at most BT_DIGEST_KEYS words; a last partial word is filled with zeros, out
 * of the bytes before it where there are any: copies of variable length are slow. */
BT_INLINE uint64_t nh_bytes(const uint8_t *p, const uint64_t *keys, int64_t bytes) {
  const int64_t words = bytes / 8;
  uint64_t sum = nh_words(p, keys, words);
  if (bytes % 8) {
    uint64_t last = 0;
    if (words > 0) {
      memcpy(&last, p + bytes - 8, 8);
      last >>= 64 - 8 * (bytes % 8);
    } else {
      memcpy(&last, p, (size_t)(bytes % 8));
    }
    sum += nh_product(last ^ keys[words]);
  }
  return sum;
}

static inline uint64_t row_hash(const uint8_t *p, const uint64_t *keys, int64_t row_bytes,
                                uint64_t place) {
  const int64_t most = BT_DIGEST_KEYS * 8;
  uint64_t hash = 0;
  int64_t left = row_bytes;
  for (; left > most; left -= most, p += most)
    hash = bt_mix(hash + nh_bytes(p, keys, most));
  hash += nh_bytes(p, keys, left);
  return bt_mix(hash ^ (place * BT_GOLDEN + (uint64_t)row_bytes));
}

/* The digest of a slice: K rows of all its tokens and then V rows. */
static uint64_t slice_digest(const struct bt_wire_args *a) {
  uint64_t digest = 0;
  for (int64_t t = 0; t < a->tokens; t++) {
    const uint8_t *k = a->wire + t * a->row_bytes;
    const uint64_t place = (uint64_t)a->layer << 32 | (uint64_t)(a->first_token + t) << 1;
    digest += row_hash(k, a->digest_keys, a->row_bytes, place);
    digest += row_hash(k + a->tokens * a->row_bytes, a->digest_keys, a->row_bytes, place | 1);
  }
  return digest;
}

#endif
