/*
 * The threads that share one operation. A thread takes a run of its units at a time, the shorter
 * the fewer are left: a start costs the memory's latency, and the last runs decide how long the
 * others wait. Idle threads spin for some microseconds, then sleep.
 */
#ifndef BATON_POOL_H
#define BATON_POOL_H

#include <stdint.h>

struct bt_pool;

/* Does units [begin, end). What a task computes must not depend on where its runs begin. */
typedef void (*bt_task)(const void *args, int64_t begin, int64_t end);

/* A pool of `threads` threads, the caller's among them; NULL where they cannot be had. pin: one
 * core for each. */
struct bt_pool *bt_pool_open(int threads, int pin);

int bt_pool_threads(const struct bt_pool *pool);

/* Does all units and returns when they are done. While another thread has the pool, the caller does
 * them alone. */
void bt_pool_run(struct bt_pool *pool, bt_task task, const void *args, int64_t units);

/* The same for units of very unlike work, of which no thread takes many at once. */
void bt_pool_run_uneven(struct bt_pool *pool, bt_task task, const void *args, int64_t units);

void bt_pool_close(struct bt_pool *pool);

#endif
