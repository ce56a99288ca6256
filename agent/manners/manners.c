/* SPDX-License-Identifier: BSD-2-Clause */
/* manners.c: see manners.h. */
#include "manners/manners.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define PAUSE_US (INT64_C(2) * SECOND_US)
#define PACE_LEAST (1.0 / 64)
#define PACE_BACK 0.01 /* with every call that is answered */

struct shared {
	struct shared *next;
	char *system;
	/* rate: a bucket that fills up with time */
	double tokens, pace;
	int64_t filled_us;
	/* breaker */
	uint32_t failures;
	int64_t silent_until_us; /* 0: closed */
	int64_t silent_since_us;
	int64_t probe_until_us;  /* half open: so long one call is waited for */
	/* peace */
	uint32_t throttled;
	int64_t peace_until_us, peace_since_us;
	/* budget */
	int64_t day;
	uint32_t granted;
	int64_t spent_until_us; /* the day's end, as far as was found out */
	int64_t spent_since_us;
	unsigned slots;
	/* Who waits for one, the first at first; a place that was never there for want of memory is at the end of the line. */
	struct waiter {
		uint64_t turn;
		int64_t asked_us;
	} *line;
	uint32_t line_length, line_room;
	uint64_t last_turn;
};
struct manners_account {
	struct manners_account *next;
	struct manners *manners;
	struct shared *shared;
	uint32_t credentials;
	int64_t refused_until_us; /* 0: it did not */
	int64_t refused_since_us;
};
struct manners {
	pthread_mutex_t lock;
	struct shared *systems;
	struct manners_account *accounts;
	void (*tell)(void *data, const char *system, enum manners_state state, int64_t wait_us);
	void *data;
};

static const struct {
	const char *name, *text;
} states[MANNERS_STATE_COUNT] = {
#define X(id, name, text) [MANNERS_##id] = { name, text },
	MANNERS_STATES(X)
#undef X
};

const char *
manners_state_name(enum manners_state state)
{
	return states[state].name;
}

const char *
manners_state_text(enum manners_state state)
{
	return states[state].text;
}

struct manners *
manners_new(void (*tell)(void *data, const char *system, enum manners_state state, int64_t wait_us), void *data)
{
	struct manners *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	m->tell = tell;
	m->data = data;
	return m;
}

void
manners_free(struct manners *m)
{
	if (m == NULL)
		return;
	while (m->accounts != NULL) {
		struct manners_account *next = m->accounts->next;

		free(m->accounts);
		m->accounts = next;
	}
	while (m->systems != NULL) {
		struct shared *next = m->systems->next;

		free(m->systems->line);
		free(m->systems->system);
		free(m->systems);
		m->systems = next;
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct shared *
find_shared(const struct manners *m, const char *system)
{
	struct shared *s = m->systems;

	while (s != NULL && strcmp(s->system, system) != 0)
		s = s->next;
	return s;
}

static struct manners_account *
find_account(const struct manners *m, const char *system, uint32_t credentials)
{
	struct manners_account *a = m->accounts;

	while (a != NULL && (a->credentials != credentials || strcmp(a->shared->system, system) != 0))
		a = a->next;
	return a;
}

static struct shared *
new_shared(struct manners *m, const char *system)
{
	struct shared *s = calloc(1, sizeof *s);

	if (s == NULL || (s->system = strdup(system)) == NULL) {
		free(s);
		return NULL;
	}
	s->pace = 1;
	s->next = m->systems;
	m->systems = s;
	return s;
}

struct manners_account *
manners_account(struct manners *m, const char *system, uint32_t credentials)
{
	struct manners_account *a;
	struct shared *s;

	pthread_mutex_lock(&m->lock);
	if ((a = find_account(m, system, credentials)) == NULL && ((s = find_shared(m, system)) != NULL || (s = new_shared(m, system)) != NULL) &&
	    (a = calloc(1, sizeof *a)) != NULL) {
		*a = (struct manners_account){ .next = m->accounts, .manners = m, .shared = s, .credentials = credentials };
		m->accounts = a;
	}
	pthread_mutex_unlock(&m->lock);
	return a;
}

/* 2 s, 4 s, 8 s … */
static int64_t
pause_us(const struct config_limits *limits, uint32_t times)
{
	int64_t pause = PAUSE_US, most = limits->backoff_max_ms * 1000;

	for (uint32_t i = 0; i < times && pause < most; i++)
		pause *= 2;
	return pause < most ? pause : most;
}

/* Under the lock: so long it is left alone, and why. */
static int64_t
left_alone(const struct shared *s, const struct manners_account *a, int64_t now_us, enum manners_state *ret_state)
{
	int64_t until = 0;

	*ret_state = MANNERS_OPEN;
	if (s->silent_until_us > now_us) {
		until = s->silent_until_us;
		*ret_state = MANNERS_SILENT;
	}
	if (s->peace_until_us > now_us && s->peace_until_us > until) {
		until = s->peace_until_us;
		*ret_state = MANNERS_PEACE;
	}
	if (s->spent_until_us > now_us && s->spent_until_us > until) {
		until = s->spent_until_us;
		*ret_state = MANNERS_SPENT;
	}
	if (a != NULL && a->refused_until_us > now_us && a->refused_until_us > until) {
		until = a->refused_until_us;
		*ret_state = MANNERS_REFUSED;
	}
	return until > now_us ? until - now_us : 0;
}

/* So long until the bucket has that many; 0: it had, and they are taken. */
static int64_t
take_tokens(struct shared *s, double per_second, uint32_t calls, int64_t now_us)
{
	double rate = per_second * s->pace, most = rate > 1 ? rate : 1;

	if (s->filled_us == 0)
		s->tokens = most;
	else if (now_us > s->filled_us)
		s->tokens += rate * (double)(now_us - s->filled_us) / SECOND_US;
	s->filled_us = now_us;
	if (s->tokens > most)
		s->tokens = most;
	if (s->tokens < calls)
		return (int64_t)((calls - s->tokens) / rate * SECOND_US) + 1;
	s->tokens -= calls;
	return 0;
}

static enum manners_answer
ask(struct manners_account *a, const struct config_limits *limits, uint32_t calls, int64_t day, int64_t now_us, int64_t *ret_wait_us,
    enum manners_state *ret_state)
{
	struct shared *s = a->shared;

	if ((*ret_wait_us = left_alone(s, a, now_us, ret_state)) > 0)
		return MANNERS_NO;
	/* Half open: one call finds out for all. */
	if (s->silent_until_us != 0 && s->probe_until_us > now_us) {
		*ret_wait_us = s->probe_until_us - now_us;
		*ret_state = MANNERS_SILENT;
		return MANNERS_NO;
	}
	if (calls == 0)
		return MANNERS_GO;
	if (limits->per_day > 0 && (s->day != day || s->granted < calls))
		return MANNERS_RESERVE;
	if (limits->per_second > 0 && (*ret_wait_us = take_tokens(s, limits->per_second, calls, now_us)) > 0)
		return MANNERS_WAIT;
	if (limits->per_day > 0)
		s->granted -= calls;
	if (s->silent_until_us != 0)
		s->probe_until_us = now_us + limits->timeout_ms * 1000;
	return MANNERS_GO;
}

enum manners_answer
manners_ask(struct manners_account *a, const struct config_limits *limits, uint32_t calls, int64_t day, int64_t now_us, int64_t *ret_wait_us,
            enum manners_state *ret_state)
{
	enum manners_answer answer;

	pthread_mutex_lock(&a->manners->lock);
	answer = ask(a, limits, calls, day, now_us, ret_wait_us, ret_state);
	pthread_mutex_unlock(&a->manners->lock);
	return answer;
}

void
manners_grant(struct manners_account *a, int64_t day, uint32_t calls)
{
	struct shared *s = a->shared;

	pthread_mutex_lock(&a->manners->lock);
	if (s->day != day)
		s->granted = 0;
	s->day = day;
	s->granted += calls;
	pthread_mutex_unlock(&a->manners->lock);
}

/* Under the lock.  What changed of it, to be told. */
static enum manners_state
take_failure(struct shared *s, const struct config_limits *limits, int64_t now_us, int64_t *ret_wait_us)
{
	if (++s->failures < MANNERS_FAILURES)
		return MANNERS_STATE_COUNT;
	*ret_wait_us = pause_us(limits, s->failures - MANNERS_FAILURES);
	if (s->silent_until_us == 0)
		s->silent_since_us = now_us;
	s->silent_until_us = now_us + *ret_wait_us;
	s->probe_until_us = 0;
	return MANNERS_SILENT;
}

static enum manners_state
take_answer(struct manners_account *a)
{
	struct shared *s = a->shared;
	bool was = s->silent_until_us != 0 || s->throttled > 0 || a->refused_until_us != 0;

	s->failures = s->throttled = 0;
	s->silent_until_us = s->probe_until_us = a->refused_until_us = 0;
	s->pace = s->pace + PACE_BACK < 1 ? s->pace + PACE_BACK : 1;
	return was ? MANNERS_OPEN : MANNERS_STATE_COUNT;
}

static enum manners_state
take_throttling(struct shared *s, const struct config_limits *limits, uint32_t retry_after_ms, int64_t now_us, int64_t *ret_wait_us)
{
	*ret_wait_us = retry_after_ms > 0 ? (int64_t)retry_after_ms * 1000 : pause_us(limits, s->throttled);
	if (s->throttled == 0 && s->peace_until_us <= now_us)
		s->peace_since_us = now_us;
	s->throttled++;
	s->failures = 0;
	s->silent_until_us = s->probe_until_us = 0;
	s->pace = s->pace / 2 > PACE_LEAST ? s->pace / 2 : PACE_LEAST;
	if (now_us + *ret_wait_us > s->peace_until_us)
		s->peace_until_us = now_us + *ret_wait_us;
	return MANNERS_PEACE;
}

void
manners_heard(struct manners_account *a, const struct config_limits *limits, uint32_t klass, uint32_t retry_after_ms, int64_t now_us)
{
	struct manners *m = a->manners;
	enum manners_state changed;
	int64_t wait_us = 0;

	pthread_mutex_lock(&m->lock);
	switch (klass) {
	case SYNCLINE_CANCELLED:
		a->shared->probe_until_us = 0;
		changed = MANNERS_STATE_COUNT;
		break;
	case SYNCLINE_RETRY: case SYNCLINE_INTERNAL:
		changed = take_failure(a->shared, limits, now_us, &wait_us);
		break;
	case SYNCLINE_THROTTLED:
		changed = take_throttling(a->shared, limits, retry_after_ms, now_us, &wait_us);
		break;
	case SYNCLINE_AUTH:
		if (a->refused_until_us == 0)
			a->refused_since_us = now_us;
		a->refused_until_us = now_us + MANNERS_REFUSED_US;
		a->shared->failures = 0;
		wait_us = MANNERS_REFUSED_US;
		changed = MANNERS_REFUSED;
		break;
	default:
		changed = take_answer(a);
		break;
	}
	pthread_mutex_unlock(&m->lock);
	if (changed != MANNERS_STATE_COUNT && m->tell != NULL)
		m->tell(m->data, a->shared->system, changed, wait_us);
}

void
manners_spent(struct manners_account *a, int64_t wait_us, int64_t now_us)
{
	struct manners *m = a->manners;
	bool told;

	pthread_mutex_lock(&m->lock);
	told = a->shared->spent_until_us > now_us;
	if (!told)
		a->shared->spent_since_us = now_us;
	a->shared->spent_until_us = now_us + wait_us;
	pthread_mutex_unlock(&m->lock);
	if (!told && m->tell != NULL)
		m->tell(m->data, a->shared->system, MANNERS_SPENT, wait_us);
}

int64_t
manners_wait_us(struct manners *m, const char *system, uint32_t credentials, int64_t now_us, enum manners_state *ret_state)
{
	const struct shared *s;
	int64_t wait_us = 0;

	*ret_state = MANNERS_OPEN;
	pthread_mutex_lock(&m->lock);
	if ((s = find_shared(m, system)) != NULL)
		wait_us = left_alone(s, find_account(m, system, credentials), now_us, ret_state);
	pthread_mutex_unlock(&m->lock);
	return wait_us;
}

static int64_t
since_us(const struct shared *s, enum manners_state state)
{
	return state == MANNERS_PEACE ? s->peace_since_us : state == MANNERS_SPENT ? s->spent_since_us : s->silent_since_us;
}

void
manners_alone(struct manners *m, int64_t now_us, void (*take)(void *data, const struct manners_alone *alone), void *data)
{
	pthread_mutex_lock(&m->lock);
	for (const struct shared *s = m->systems; s != NULL; s = s->next) {
		struct manners_alone alone = { .system = s->system };

		alone.wait_us = left_alone(s, NULL, now_us, &alone.state);
		if (alone.state == MANNERS_OPEN && s->silent_until_us != 0)
			alone.state = MANNERS_SILENT;
		alone.since_us = since_us(s, alone.state);
		if (alone.state != MANNERS_OPEN)
			take(data, &alone);
	}
	for (const struct manners_account *a = m->accounts; a != NULL; a = a->next)
		if (a->refused_until_us != 0)
			take(data, &(struct manners_alone){ .system = a->shared->system, .credentials = a->credentials, .state = MANNERS_REFUSED,
				.since_us = a->refused_since_us, .wait_us = a->refused_until_us > now_us ? a->refused_until_us - now_us : 0 });
	pthread_mutex_unlock(&m->lock);
}

void
manners_forgive(struct manners *m, const char *system)
{
	pthread_mutex_lock(&m->lock);
	for (struct manners_account *a = m->accounts; a != NULL; a = a->next) {
		if (strcmp(a->shared->system, system) != 0)
			continue;
		a->refused_until_us = 0;
		a->shared->spent_until_us = 0;
		/* Half open: the next call finds out. */
		if (a->shared->silent_until_us != 0)
			a->shared->silent_until_us = 1;
		a->shared->probe_until_us = 0;
	}
	pthread_mutex_unlock(&m->lock);
}

/* Under the lock.  line_length: nowhere. */
static uint32_t
place_in_line(const struct shared *s, uint64_t turn)
{
	uint32_t at = 0;

	while (at < s->line_length && s->line[at].turn != turn)
		at++;
	return at;
}

static void
leave(struct shared *s, uint64_t *turn)
{
	uint32_t at = *turn != 0 ? place_in_line(s, *turn) : s->line_length;

	if (at < s->line_length)
		memmove(&s->line[at], &s->line[at + 1], (--s->line_length - at) * sizeof *s->line);
	*turn = 0;
}

static void
stand_in_line(struct shared *s, int64_t now_us, uint64_t *turn)
{
	uint32_t at = *turn != 0 ? place_in_line(s, *turn) : s->line_length;

	if (at == s->line_length) {
		if (s->line_length == s->line_room) {
			uint32_t room = s->line_room > 0 ? s->line_room * 2 : 8;
			struct waiter *more = realloc(s->line, room * sizeof *more);

			if (more == NULL)
				return;
			s->line = more;
			s->line_room = room;
		}
		s->line[s->line_length++].turn = *turn = ++s->last_turn;
	}
	s->line[at].asked_us = now_us;
}

/* Does anybody who still asks stand before this one? */
static bool
others_first(const struct shared *s, int64_t now_us, uint64_t turn)
{
	for (uint32_t i = 0; i < s->line_length && s->line[i].turn != turn; i++)
		if (now_us - s->line[i].asked_us <= MANNERS_LAPSE_US)
			return true;
	return false;
}

bool
manners_take_slot(struct manners_account *a, const struct config_limits *limits, int64_t now_us, uint64_t *turn)
{
	struct shared *s = a->shared;
	bool taken;

	pthread_mutex_lock(&a->manners->lock);
	taken = s->slots < (limits->parallel > 1 ? (uint64_t)limits->parallel : 1) && !others_first(s, now_us, turn != NULL ? *turn : 0);
	if (taken)
		s->slots++;
	if (turn != NULL && taken)
		leave(s, turn);
	else if (turn != NULL)
		stand_in_line(s, now_us, turn);
	pthread_mutex_unlock(&a->manners->lock);
	return taken;
}

void
manners_leave_line(struct manners_account *a, uint64_t *turn)
{
	pthread_mutex_lock(&a->manners->lock);
	leave(a->shared, turn);
	pthread_mutex_unlock(&a->manners->lock);
}

void
manners_give_slot(struct manners_account *a)
{
	pthread_mutex_lock(&a->manners->lock);
	a->shared->slots--;
	pthread_mutex_unlock(&a->manners->lock);
}
