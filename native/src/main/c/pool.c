#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a thread spins before it sleeps: longer than the Java code between two operations. */
#define SPIN_NS 30000
#define WORKER_STACK_BYTES (2 << 20)

/*
 * The job word: bit 0 says that a job takes helpers, bits 1-31 count the helpers in it, and the
 * upper half numbers the jobs. A helper joins only an open job, and the caller closes it and waits
 * for those in it before its arguments go away; helpers that come late never see it.
 */
#define JOB_OPEN ((uint64_t)1)
#define JOB_HELPER ((uint64_t)2)
#define JOB_HELPERS ((uint64_t)0xfffffffe)
#define JOB_NUMBER(word) ((uint32_t)((word) >> 32))

struct bt_pool {
  int threads;
  int workers; /* that were started */
  int pin;
  pthread_t *ids;
  atomic_flag taken; /* by the thread whose job runs */

  bt_task task;
  const void *args;
  int64_t units;
  int64_t least; /* units of a run, but for the last */
  int is_uneven; /* no run is longer */

  /* Each on a cache line of its own: all threads write the one and watch the other. */
  _Alignas(64) _Atomic int64_t next; /* unit to hand out */
  _Alignas(64) _Atomic uint64_t job;
  atomic_int sleepers;
  atomic_int caller_sleeps;
  atomic_int closing;
  pthread_mutex_t mutex;
  pthread_cond_t wake; /* a job is open, or the pool closes */
  pthread_cond_t done; /* the last helper left */
};

struct worker {
  struct bt_pool *pool;
  int index;
};

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#else
  sched_yield();
#endif
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Runs of a thread's share, which it takes one after the other: at most this many. */
#define RUNS_PER_THREAD 16

/* Takes the next run, a share of what is left; 0 where nothing is. */
static int64_t take_run(struct bt_pool *pool, int64_t *begin) {
  int64_t next = atomic_load_explicit(&pool->next, memory_order_relaxed);
  for (;;) {
    const int64_t left = pool->units - next;
    if (left <= 0)
      return 0;
    int64_t run = pool->is_uneven ? 0 : left / (2 * pool->threads);
    run = run < pool->least ? pool->least : run;
    run = run < left ? run : left;
    if (atomic_compare_exchange_weak_explicit(&pool->next, &next, next + run, memory_order_relaxed,
                                              memory_order_relaxed)) {
      *begin = next;
      return run;
    }
  }
}

static void do_runs(struct bt_pool *pool) {
  int64_t begin;
  for (int64_t run; (run = take_run(pool, &begin)) > 0;)
    pool->task(pool->args, begin, begin + run);
}

/* Joins the open job, if there is one. */
static int join_job(struct bt_pool *pool) {
  uint64_t word = atomic_load(&pool->job);
  while (word & JOB_OPEN) {
    if (atomic_compare_exchange_weak(&pool->job, &word, word + JOB_HELPER))
      return 1;
  }
  return 0;
}

static void leave_job(struct bt_pool *pool) {
  const uint64_t word = atomic_fetch_sub(&pool->job, JOB_HELPER) - JOB_HELPER;
  if (!(word & (JOB_OPEN | JOB_HELPERS)) && atomic_load(&pool->caller_sleeps)) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
  }
}

/* True where a job worth looking at is open: one whose units this thread did not already see run
 * out. */
static int has_new_job(struct bt_pool *pool, uint32_t seen) {
  const uint64_t word = atomic_load(&pool->job);
  return (word & JOB_OPEN) && JOB_NUMBER(word) != seen;
}

static void await_job(struct bt_pool *pool, uint32_t seen) {
  const int64_t deadline = now_ns() + SPIN_NS;
  do {
    for (int i = 0; i < 32; i++) {
      if (has_new_job(pool, seen) || atomic_load(&pool->closing))
        return;
      pause_briefly();
    }
  } while (now_ns() < deadline);
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (!has_new_job(pool, seen) && !atomic_load(&pool->closing)) {
    pthread_cond_wait(&pool->wake, &pool->mutex);
  }
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

#if defined(__linux__)
static void settle(const struct bt_pool *pool, int index) {
  char name[16];
  snprintf(name, sizeof name, "baton-%d", index % 1000);
  pthread_setname_np(pthread_self(), name);
  cpu_set_t allowed;
  if (!pool->pin || pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed))
    return;
  int skip = index % CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &allowed) && skip-- == 0) {
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(cpu, &own);
      pthread_setaffinity_np(pthread_self(), sizeof own,
                             &own); /* without it, all works as well, only slower */
      return;
    }
  }
}
#else
static void settle(const struct bt_pool *pool, int index) {
  (void)pool;
  (void)index;
}
#endif

static void *work(void *arg) {
  struct worker worker = *(struct worker *)arg;
  free(arg);
  struct bt_pool *pool = worker.pool;
  settle(pool, worker.index);
  uint32_t seen = 0;
  while (!atomic_load(&pool->closing)) {
    await_job(pool, seen);
    if (join_job(pool)) {
      seen = JOB_NUMBER(atomic_load(&pool->job));
      do_runs(pool);
      leave_job(pool);
    }
  }
  return NULL;
}

static int start_worker(struct bt_pool *pool, int index) {
  struct worker *worker = malloc(sizeof *worker);
  if (!worker)
    return 0;
  worker->pool = pool;
  worker->index = index;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
  const int failed = pthread_create(&pool->ids[index - 1], &attributes, work, worker);
  pthread_attr_destroy(&attributes);
  if (failed)
    free(worker);
  return !failed;
}

struct bt_pool *bt_pool_open(int threads, int pin) {
  struct bt_pool *pool = aligned_alloc(64, sizeof *pool);
  if (!pool)
    return NULL;
  memset(pool, 0, sizeof *pool);
  pool->threads = threads;
  pool->pin = pin;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  if (threads <= 1)
    return pool;

  pool->ids = calloc((size_t)threads - 1, sizeof *pool->ids);
  int ok = pool->ids != NULL;
  sigset_t all, before; /* signals are for the threads that the JVM knows */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (ok && pool->workers < threads - 1) {
    ok = start_worker(pool, pool->workers + 1);
    pool->workers += ok;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!ok) {
    bt_pool_close(pool);
    return NULL;
  }
  return pool;
}

int bt_pool_threads(const struct bt_pool *pool) { return pool->threads; }

static void wake_workers(struct bt_pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

/* Waits until the last helper left the closed job. */
static void await_helpers(struct bt_pool *pool) {
  const int64_t deadline = now_ns() + SPIN_NS;
  do {
    for (int i = 0; i < 32; i++) {
      if (!(atomic_load(&pool->job) & JOB_HELPERS))
        return;
      pause_briefly();
    }
  } while (now_ns() < deadline);
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, 1);
  while (atomic_load(&pool->job) & JOB_HELPERS)
    pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->caller_sleeps, 0);
  pthread_mutex_unlock(&pool->mutex);
}

static void run_job(struct bt_pool *pool, bt_task task, const void *args, int64_t units,
                    int is_uneven) {
  if (units <= 1 || pool->workers == 0 ||
      atomic_flag_test_and_set_explicit(&pool->taken, memory_order_acquire)) {
    if (units > 0)
      task(args, 0, units);
    return;
  }
  pool->task = task;
  pool->args = args;
  pool->units = units;
  pool->least = 1 + units / (RUNS_PER_THREAD * pool->threads);
  pool->is_uneven = is_uneven;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  const uint64_t number = JOB_NUMBER(atomic_load(&pool->job)) + 1;
  atomic_store(&pool->job, number << 32 | JOB_OPEN);
  if (atomic_load(&pool->sleepers))
    wake_workers(pool);
  do_runs(pool);
  if (atomic_fetch_and(&pool->job, ~JOB_OPEN) & JOB_HELPERS)
    await_helpers(pool);
  atomic_flag_clear_explicit(&pool->taken, memory_order_release);
}

void bt_pool_run(struct bt_pool *pool, bt_task task, const void *args, int64_t units) {
  run_job(pool, task, args, units, 0);
}

void bt_pool_run_uneven(struct bt_pool *pool, bt_task task, const void *args, int64_t units) {
  run_job(pool, task, args, units, 1);
}

void bt_pool_close(struct bt_pool *pool) {
  atomic_store(&pool->closing, 1);
  wake_workers(pool);
  for (int i = 0; i < pool->workers; i++)
    pthread_join(pool->ids[i], NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->ids);
  free(pool);
}
