/* SPDX-License-Identifier: BSD-2-Clause */
/* flow.c: the ring between threads. */
#include "check.h"

#include <stdlib.h>

#include "flow/ring.h"

#define ITEMS 5000
#define WORKERS 3

static void *
put_all(void *data)
{
	struct ring *ring = data;

	for (uintptr_t i = 1; i <= ITEMS; i++)
		if (!ring_put(ring, (void *)i))
			return NULL;
	ring_end(ring);
	return ring;
}

static void *
work_all(void *data)
{
	struct ring *ring = data;
	uint64_t ticket;

	while (ring_take(ring, &ticket) != NULL)
		ring_worked(ring, ticket);
	return NULL;
}

static void
order_is_kept_whoever_finishes_first(void **state)
{
	pthread_t threads[1 + WORKERS];
	struct ring ring;

	(void)state;
	assert_int_equal(ring_init(&ring, 4), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, put_all, &ring), 0);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[1 + i], NULL, work_all, &ring), 0);
	for (uintptr_t i = 1; i <= ITEMS; i++)
		assert_ptr_equal(ring_next(&ring), (void *)i);
	assert_null(ring_next(&ring));
	for (int i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	ring_destroy(&ring, NULL);
}

/* One worker, two items out of order: the writer waits for the first. */
static void
the_writer_gets_the_first_item_first(void **state)
{
	struct ring ring;
	uint64_t first, second;
	int a, b;

	(void)state;
	assert_int_equal(ring_init(&ring, 2), 0);
	assert_true(ring_put(&ring, &a));
	assert_true(ring_put(&ring, &b));
	ring_end(&ring);
	assert_ptr_equal(ring_take(&ring, &first), &a);
	assert_ptr_equal(ring_take(&ring, &second), &b);
	ring_worked(&ring, second);
	ring_worked(&ring, first);
	assert_ptr_equal(ring_next(&ring), &a);
	assert_ptr_equal(ring_next(&ring), &b);
	assert_null(ring_next(&ring));
	ring_destroy(&ring, NULL);
}

static int freed;

static void
count_free(void *item)
{
	(void)item;
	freed++;
}

static void
a_stop_ends_all_waiting_and_frees_what_is_left(void **state)
{
	pthread_t threads[2];
	struct ring ring;
	void *result;

	(void)state;
	freed = 0;
	assert_int_equal(ring_init(&ring, 3), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, put_all, &ring), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, work_all, &ring), 0);
	assert_non_null(ring_next(&ring));
	ring_stop(&ring);
	assert_null(ring_next(&ring));
	pthread_join(threads[0], &result);
	assert_null(result);
	pthread_join(threads[1], NULL);
	ring_destroy(&ring, count_free);
	assert_true(freed <= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept_whoever_finishes_first),
		cmocka_unit_test(the_writer_gets_the_first_item_first),
		cmocka_unit_test(a_stop_ends_all_waiting_and_frees_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
