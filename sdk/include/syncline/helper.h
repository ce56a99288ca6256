/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.h: what most connectors need and would otherwise write again: settings by name, errors with three texts, the size
 * rule, values, numbers and dates as systems write them, safe paths, and files that appear whole or not at all.
 *
 * It is a convenience and no part of the contract: libsyncline-connector.a is linked into the connector itself, so another
 * version of it in another connector does no harm.  It needs the C library alone, keeps no state of its own, and every
 * function may be called from any thread as long as no two use the same struct.
 *
 * Functions that can fail for reasons of the world return an error class (abi.h) and fill in `err`, which may be NULL.
 * Conversions return 0, or -1 when the text isn't what they want.  Outputs stay untouched on failure.
 */
#ifndef SYNCLINE_HELPER_H
#define SYNCLINE_HELPER_H

#include <stdarg.h>
#include <string.h>

#include "connector.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SYNCLINE_PRINTF(at, first) __attribute__((__format__(__printf__, at, first)))
#else
#define SYNCLINE_PRINTF(at, first)
#endif

/*
 * The size rule (abi.h).
 */
/* Copies a struct of the other side into `ret` of `size` bytes: fields that it doesn't have are zero.  ret may be uninitialised. */
void syncline_copy(void *ret, size_t size, const void *from);
#define SYNCLINE_COPY(ret, from) syncline_copy((ret), sizeof *(ret), (from))
/* Fills a struct that the other side owns, as far as it knows the fields; its struct_size stays as it was. */
void syncline_give(void *to, const void *from, size_t size);
#define SYNCLINE_GIVE(to, from) syncline_give((to), (from), sizeof *(from))
/* Element `index` of an array of structs of the other side. */
const void *syncline_at(const void *first, size_t index);

/*
 * Failing.  Each returns its class, so that `return syncline_fail(err, SYNCLINE_INVALID, "…", …);` is the whole of it.
 * Texts are cut between characters, and bytes that are not UTF-8 or would break a line are replaced.
 */
/* Sets the message and clears all else. */
uint32_t syncline_fail(struct syncline_error *err, uint32_t error_class, const char *format, ...) SYNCLINE_PRINTF(3, 4);
uint32_t syncline_vfail(struct syncline_error *err, uint32_t error_class, const char *format, va_list args) SYNCLINE_PRINTF(3, 0);
/* The same for an errno of the operating system: its class, and its text as the detail. */
uint32_t syncline_fail_errno(struct syncline_error *err, int number, const char *format, ...) SYNCLINE_PRINTF(3, 4);
uint32_t syncline_class_of_errno(int number);
uint32_t syncline_fail_memory(struct syncline_error *err);
uint32_t syncline_fail_cancelled(struct syncline_error *err);
/* Added after one of the above. */
void syncline_detail(struct syncline_error *err, const char *format, ...) SYNCLINE_PRINTF(2, 3);
void syncline_hint(struct syncline_error *err, const char *format, ...) SYNCLINE_PRINTF(2, 3);
void syncline_applied(struct syncline_error *err, uint32_t applied); /* SYNCLINE_APPLIED_* */
void syncline_retry_after(struct syncline_error *err, uint32_t milliseconds);
void syncline_remote_status(struct syncline_error *err, uint32_t status);

/*
 * The host.
 */
/* The table of a service that has at least `size` bytes; NULL with SYNCLINE_CONFIG in words. */
const void *syncline_service(const struct syncline_host *host, const char *id, size_t size, struct syncline_error *err);
/* A line in the log.  log may be NULL: nothing is written. */
void syncline_log(const struct syncline_host *host, const struct syncline_log_service_v1 *log, uint32_t level, const char *format, ...)
	SYNCLINE_PRINTF(4, 5);
/* Non-zero when the call was cancelled or its time is over. */
int syncline_cancelled(const struct syncline_call *call);

/*
 * Settings by name.  The object's scope comes before the system's, and what was configured before what is a default; either
 * may be NULL.  `otherwise` is for a setting that neither has.
 */
/* 0, or -1 when there is none of that name.  ret_setting has this library's size, whatever the host's. */
int syncline_setting(const struct syncline_settings *object, const struct syncline_settings *system, const char *name,
                     struct syncline_setting *ret_setting);
const char *syncline_setting_text(const struct syncline_settings *object, const struct syncline_settings *system, const char *name,
                                  const char *otherwise);
/* INTEGER, DURATION (milliseconds), SIZE (bytes). */
int64_t syncline_setting_integer(const struct syncline_settings *object, const struct syncline_settings *system, const char *name,
                                 int64_t otherwise);
int syncline_setting_boolean(const struct syncline_settings *object, const struct syncline_settings *system, const char *name, int otherwise);
/* ret_count is 0 when there is none; the texts are valid as long as the settings. */
const char *const *syncline_setting_list(const struct syncline_settings *object, const struct syncline_settings *system, const char *name,
                                         uint32_t *ret_count);
/* Non-zero when the text is one of the list's. */
int syncline_setting_list_has(const struct syncline_settings *object, const struct syncline_settings *system, const char *name,
                              const void *text, size_t length);

/*
 * Values.
 */
static inline struct syncline_value
syncline_value_of(uint8_t type, const void *data, size_t length)
{
	struct syncline_value v;

	memset(&v, 0, sizeof v);
	v.type = type;
	v.length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length; /* the host refuses it long before */
	v.u.data = data;
	return v;
}

static inline struct syncline_value
syncline_value_of_integer(uint8_t type, int64_t integer)
{
	struct syncline_value v;

	memset(&v, 0, sizeof v);
	v.type = type;
	v.u.integer = integer;
	return v;
}

static inline struct syncline_value syncline_absent(void) { return syncline_value_of_integer(SYNCLINE_TYPE_ABSENT, 0); }
static inline struct syncline_value syncline_null(void) { return syncline_value_of_integer(SYNCLINE_TYPE_NULL, 0); }
static inline struct syncline_value syncline_boolean(int yes) { return syncline_value_of_integer(SYNCLINE_TYPE_BOOLEAN, yes != 0); }
static inline struct syncline_value syncline_integer(int64_t i) { return syncline_value_of_integer(SYNCLINE_TYPE_INTEGER, i); }
static inline struct syncline_value syncline_timestamp(int64_t us) { return syncline_value_of_integer(SYNCLINE_TYPE_TIMESTAMP, us); }
static inline struct syncline_value syncline_date(int64_t days) { return syncline_value_of_integer(SYNCLINE_TYPE_DATE, days); }
/* These point to `data`, which must live until the value was added. */
static inline struct syncline_value syncline_text(const void *data, size_t length) { return syncline_value_of(SYNCLINE_TYPE_TEXT, data, length); }
static inline struct syncline_value syncline_string(const char *text) { return syncline_value_of(SYNCLINE_TYPE_TEXT, text, strlen(text)); }
static inline struct syncline_value syncline_decimal(const void *data, size_t length) { return syncline_value_of(SYNCLINE_TYPE_DECIMAL, data, length); }
static inline struct syncline_value syncline_bytes(const void *data, size_t length) { return syncline_value_of(SYNCLINE_TYPE_BYTES, data, length); }
static inline struct syncline_value syncline_json(const void *data, size_t length) { return syncline_value_of(SYNCLINE_TYPE_JSON, data, length); }
static inline struct syncline_value syncline_content(const void *data, size_t length) { return syncline_value_of(SYNCLINE_TYPE_CONTENT, data, length); }
static inline struct syncline_slice
syncline_slice(const void *data, size_t length)
{
	struct syncline_slice s;

	s.data = data;
	s.length = length;
	return s;
}
/* A record and a field with their sizes set and all else zero (absent, null pointers). */
static inline struct syncline_record
syncline_record(uint8_t op)
{
	struct syncline_record r;

	memset(&r, 0, sizeof r);
	r.struct_size = (uint32_t)sizeof r;
	r.op = op;
	return r;
}
static inline struct syncline_field
syncline_field(const char *name, uint8_t type, uint8_t flags)
{
	struct syncline_field f;

	memset(&f, 0, sizeof f);
	f.struct_size = (uint32_t)sizeof f;
	f.type = type;
	f.flags = flags;
	f.scale = SYNCLINE_SCALE_UNKNOWN;
	f.name = name;
	return f;
}

/*
 * Text and numbers.  None depends on the locale.
 */
int syncline_is_utf8(const void *data, size_t length);    /* well-formed, without NUL */
int syncline_is_decimal(const void *data, size_t length); /* the contract's grammar */
int syncline_to_integer(const char *data, size_t length, int64_t *ret_integer); /* -?digits within 64 bits */

/* How a system writes numbers.  Marks are UTF-8 texts: "," "." "'" "\xc2\xa0" …; thousands_mark may be NULL or "". */
struct syncline_number_format {
	const char *decimal_mark;
	const char *thousands_mark;
};
/*
 * "1.234,50" -> "1234.50", "-5" -> "-5", "5-" -> "-5", ",5" -> "0.5".  Digits stay as they are, zeros at either end too.
 * Thousands marks must stand between groups of three digits before the decimal mark, all of them or none.
 */
int syncline_number_to_decimal(const struct syncline_number_format *format, const char *data, size_t length, char *buffer, size_t capacity,
                               size_t *ret_length);
/* The way back; grouped: with thousands marks.  -1 too when `data` is no decimal. */
int syncline_decimal_to_number(const struct syncline_number_format *format, int grouped, const char *data, size_t length, char *buffer,
                               size_t capacity, size_t *ret_length);

/*
 * Dates and times, proleptic Gregorian, years 0001 to 9999; a date that doesn't exist is refused.
 *
 * A pattern says how a system writes them: YYYY year, MM month, DD day, HH hour, MI or mm minute (MM behind HH too), SS
 * second, F… fraction of up to six digits, Z zone (Z, +hh, +hhmm, +hh:mm); M and D alone: one or two digits.  All other
 * characters stand for themselves.  NULL or "ISO": YYYY-MM-DD, and YYYY-MM-DDTHH:MI[:SS[.F…]][Z] or a blank for the T.
 */
int syncline_pattern_is_valid(const char *pattern, int *ret_has_time); /* non-zero: it is; ret_has_time may be NULL */
int syncline_text_to_date(const char *pattern, const char *data, size_t length, int64_t *ret_days);
/* ret_has_zone (may be NULL): zero when the text named no zone; ret_us is then the clock on the wall there as if it were UTC. */
int syncline_text_to_timestamp(const char *pattern, const char *data, size_t length, int64_t *ret_us, int *ret_has_zone);
/* Ended by NUL.  64 bytes hold any ISO form; else the pattern's length and 8. */
int syncline_date_to_text(const char *pattern, int64_t days, char *buffer, size_t capacity, size_t *ret_length);
int syncline_timestamp_to_text(const char *pattern, int64_t us, char *buffer, size_t capacity, size_t *ret_length);
int syncline_days_from_date(int year, int month, int day, int64_t *ret_days);
void syncline_date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day);

/*
 * A growing buffer.  After a failed append it is as it was and `failed` is set, so that a caller may check once.
 */
struct syncline_buffer {
	char *data;
	size_t length;
	size_t capacity;
	size_t max; /* bytes, 0: no limit */
	int failed;
};
void syncline_buffer_init(struct syncline_buffer *buffer, size_t max);
int syncline_buffer_reserve(struct syncline_buffer *buffer, size_t more);
int syncline_buffer_append(struct syncline_buffer *buffer, const void *data, size_t length);
int syncline_buffer_text(struct syncline_buffer *buffer, const char *text);
int syncline_buffer_char(struct syncline_buffer *buffer, char c);
int syncline_buffer_format(struct syncline_buffer *buffer, const char *format, ...) SYNCLINE_PRINTF(2, 3);
const char *syncline_buffer_string(struct syncline_buffer *buffer); /* ended by NUL; NULL without memory */
void syncline_buffer_clear(struct syncline_buffer *buffer);         /* keeps the memory */
void syncline_buffer_free(struct syncline_buffer *buffer);
/* Appends a JSON string with its quotes (RFC 8259); the text must be UTF-8. */
int syncline_json_string(struct syncline_buffer *buffer, const void *data, size_t length);

/*
 * Paths that come from a system, under a root that the administrator chose.  A safe path is relative, has no empty, "." or
 * ".." component, and no symbolic link is followed on its way: what stands in a record can't reach anything outside.
 */
int syncline_path_is_safe(const char *path);
/* Opens as openat(2) does, with O_CLOEXEC, O_NOFOLLOW and without blocking on what isn't a file. */
uint32_t syncline_open_under(int root, const char *path, int flags, unsigned mode, int *ret_descriptor, struct syncline_error *err);
/*
 * The folder that holds the last component, and that component (a pointer into path).  make: folders that are not there
 * are made, durably, with this mode (0: none is made).
 */
uint32_t syncline_open_parent_under(int root, const char *path, unsigned make, int *ret_folder, const char **ret_name,
                                    struct syncline_error *err);

/*
 * Publishing a file: it is written as ".syncline-NAME.part" in the same folder, synced, renamed to NAME, and the folder is
 * synced: it appears whole, durable, or not at all.  One writer at a time; a second gets SYNCLINE_RETRY.
 */
#define SYNCLINE_PUBLISH_RESUME 0x01u  /* go on behind what an earlier process left in the part file */
#define SYNCLINE_PUBLISH_KEEP 0x02u    /* finish() refuses with SYNCLINE_CONFLICT when NAME is there already */
#define SYNCLINE_PART_PREFIX ".syncline-"
#define SYNCLINE_PART_SUFFIX ".part"
struct syncline_publish;
/* folder stays the caller's and open until finish or abort. */
uint32_t syncline_publish_open(int folder, const char *name, unsigned flags, unsigned mode, struct syncline_publish **ret_publish,
                               struct syncline_error *err);
uint32_t syncline_publish_write(struct syncline_publish *publish, const void *data, size_t length, struct syncline_error *err);
uint64_t syncline_publish_length(const struct syncline_publish *publish);   /* bytes so far */
int syncline_publish_descriptor(const struct syncline_publish *publish);    /* for reading what is there */
uint32_t syncline_publish_truncate(struct syncline_publish *publish, uint64_t length, struct syncline_error *err);
uint32_t syncline_publish_sync(struct syncline_publish *publish, struct syncline_error *err); /* durable under the part's name */
/* Frees it, whatever it returns; after a failure the part file is left for a resume. */
uint32_t syncline_publish_finish(struct syncline_publish *publish, struct syncline_error *err);
void syncline_publish_abort(struct syncline_publish *publish); /* removes the part file; accepts NULL */
void syncline_publish_leave(struct syncline_publish *publish); /* keeps the part file for a resume; accepts NULL */
/* Removes part files that nobody writes and that did not change for so long; with 0 all of them, also those dated in the future. */
uint32_t syncline_publish_clean(int folder, int64_t older_than_s, struct syncline_error *err);
/* The same in one go, for a small file. */
uint32_t syncline_publish_bytes(int folder, const char *name, unsigned flags, unsigned mode, const void *data, size_t length,
                                struct syncline_error *err);
/* Non-zero for names that publish makes on the way; a reader of a folder skips them. */
int syncline_publish_is_part(const char *name);

/* A 64-bit hash for telling things apart, the same everywhere and always; not against those who look for collisions. */
uint64_t syncline_hash(uint64_t seed, const void *data, size_t length);

/*
 * Attempts that count once, for files in a folder that another program may take away as soon as it sees them.
 *
 * A journal belongs to a folder.  In the folder's hidden folder SYNCLINE_JOURNAL_FOLDER stand the files that are on their way
 * (parts), and what each process wrote down: which attempts (the 16-byte keys in the notes of records) are in which part.  An
 * attempt that is written again, in whatever company and by whatever process, is known as long as its entry is kept, as long as
 * it is among the last 262,144 of the folder.  A process may be killed anywhere: what it wrote down counts and comes to its
 * end, what it did not write down never was.
 *
 * Two kinds of parts.  One that is published by itself: once promised, this process or the next renames it to its final name.
 * One that is kept: it collects over a run, and a later process goes on with it; only publishing it promises its name.
 *
 * One journal per folder and process.
 */
#define SYNCLINE_JOURNAL_FOLDER ".syncline"
#define SYNCLINE_JOURNAL_KEY 16u
struct syncline_journal;
/* The caller's; zeroed with descriptor -1 when it is none. */
struct syncline_journal_part {
	int descriptor;
	int kept;               /* its kind */
	int promised;           /* an entry names it */
	int locked;
	uint64_t length;        /* bytes that are promised */
	char name[96];          /* in the hidden folder */
	char final_name[256];   /* that it will have: the caller sets it before the first write */
};
/*
 * folder stays the caller's; path names it in messages.  Entries of processes that are gone are kept for retention_us; what
 * they promised is published.  now_us: wall clock, microseconds since 1970.
 */
uint32_t syncline_journal_open(int folder, const char *path, int64_t retention_us, int64_t now_us, struct syncline_journal **ret_journal,
                               struct syncline_error *err);
void syncline_journal_close(struct syncline_journal *journal); /* accepts NULL; parts are closed before */
/* Before each batch: forgets claims; others: takes in what other processes wrote since. */
uint32_t syncline_journal_begin(struct syncline_journal *journal, int others, struct syncline_error *err);
/* Non-zero when the attempt stands in a part. */
int syncline_journal_has(const struct syncline_journal *journal, const uint8_t key[SYNCLINE_JOURNAL_KEY]);
/* An attempt is to be written in this batch: 1, or 0 when it was claimed before in it; -1: no memory. */
int syncline_journal_claim(struct syncline_journal *journal, const uint8_t key[SYNCLINE_JOURNAL_KEY]);
/* A new, empty part that is published by itself. */
uint32_t syncline_journal_part(struct syncline_journal *journal, int64_t now_us, struct syncline_journal_part *ret_part, struct syncline_error *err);
/*
 * The part that is kept for a final name: what an earlier process left, or an empty one.  discard: what was left is thrown away,
 * and its attempts are unknown again.  SYNCLINE_RETRY when another process has it.
 */
uint32_t syncline_journal_keep(struct syncline_journal *journal, const char *final_name, int discard, int64_t now_us,
                               struct syncline_journal_part *ret_part, struct syncline_error *err);
/*
 * Appends bytes and writes down that these attempts are in them (count keys, one behind the other): all of it or nothing, and
 * durable unless `sync` is 0.  On failure err->applied says whether it counts.
 */
uint32_t syncline_journal_write(struct syncline_journal *journal, struct syncline_journal_part *part, const void *data, size_t length,
                                const uint8_t *keys, uint32_t count, int sync, struct syncline_error *err);
/* Gives it its final name, durably, and closes it; on failure it is as before and may be published again. */
uint32_t syncline_journal_publish(struct syncline_journal *journal, struct syncline_journal_part *part, struct syncline_error *err);
/* Closes it; the next process publishes it or goes on with it.  One that was never promised is removed. */
void syncline_journal_leave(struct syncline_journal *journal, struct syncline_journal_part *part);

/*
 * Whether a file that another program writes is complete.
 */
#define SYNCLINE_COMPLETE_RENAME 1u /* its writer renames it when it is done: what has its name is complete */
#define SYNCLINE_COMPLETE_MARKER 2u /* a second file says so */
#define SYNCLINE_COMPLETE_STABLE 3u /* size and times didn't change for a while */
struct syncline_complete_rule {
	uint32_t how;       /* SYNCLINE_COMPLETE_* */
	uint32_t pause_ms;  /* STABLE */
	const char *marker; /* MARKER: the second file's name, * stands for the file's; without * it is added behind */
};
/* What a reader remembers of a file between two looks at it; zeroed at first. */
struct syncline_file_seen {
	int64_t size;
	int64_t modified_us;
	int64_t changed_us;
	int64_t since_us; /* of the caller's clock: it looks the same since then; 0: not seen yet */
};
/*
 * ret_complete: 1 complete, 0 not yet.  seen may be NULL: then the file's own times are compared with now_us (wall clock,
 * microseconds); with it, both must have been quiet for the pause.
 */
uint32_t syncline_file_complete(int folder, const char *name, const struct syncline_complete_rule *rule, int64_t now_us,
                                struct syncline_file_seen *seen, int *ret_complete, struct syncline_error *err);

#ifdef __cplusplus
}
#endif
#endif
