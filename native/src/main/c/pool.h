/*
 * The threads that share one operation. Work is cut into parts that are handed out one by one, so a
 * thread that the system takes off its core holds up nothing but its own part. Idle threads spin
 * for some microseconds, then sleep.
 */
#ifndef BATON_POOL_H
#define BATON_POOL_H

struct bt_pool;

/* Does part `part` of `parts`. What a task computes must not depend on how many parts there are. */
typedef void (*bt_task)(const void *args, int part, int parts);

/* A pool of `threads` threads, the caller's among them; NULL where they cannot be had. pin: one
 * core for each. */
struct bt_pool *bt_pool_open(int threads, int pin);

int bt_pool_threads(const struct bt_pool *pool);

/* Does all parts and returns when they are done. While another thread has the pool, the caller does
 * them alone. */
void bt_pool_run(struct bt_pool *pool, bt_task task, const void *args, int parts);

void bt_pool_close(struct bt_pool *pool);

#endif
