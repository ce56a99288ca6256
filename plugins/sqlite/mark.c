/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mark.c: which marks can be compared with each other.  SQLite orders whatever stands in a column, numbers before texts before
 * bytes: one `n/a` or `31.10.2026` would be later than every time to come, and a delta read would end there for good.
 *
 * So each mark has a form, and a read takes those of one form alone, the commonest of the table or the one of its position:
 *
 *     MARK_NUMBER        what is stored as a number, and finite
 *     MARK_BLANK         2026-02-28 12:30…, and dates alone
 *     MARK_T             2026-02-28T12:30…, and dates alone
 *     MARK_DIGITS + n    texts of n digits, as 20260228123000: of one length they are in the order of their numbers
 *
 * In SQL: syncline_mark_is(value, form), and the aggregate syncline_mark_form(value), which is null where there is no mark, and 0
 * where none has a form.
 */
#include <math.h>

#include "sqlite.h"

#define DIGITS_LEAST 8u
#define DIGITS_MOST 20u

static int
is_digits(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return 0;
	return 1;
}

static int
pair(const char *text)
{
	return (text[0] - '0') * 10 + text[1] - '0';
}

static int
text_form(const char *text, size_t length)
{
	if (length < 10 || text[4] != '-' || text[7] != '-')
		return length >= DIGITS_LEAST && length <= DIGITS_MOST && is_digits(text, length) ? MARK_DIGITS + (int)length : MARK_NONE;
	if (!is_digits(text, 4) || !is_digits(text + 5, 2) || !is_digits(text + 8, 2) || pair(text + 5) < 1 || pair(text + 5) > 12 ||
	    pair(text + 8) < 1 || pair(text + 8) > 31)
		return MARK_NONE;
	if (length == 10)
		return MARK_DATE;
	if (length < 16 || !is_digits(text + 11, 2) || text[13] != ':' || !is_digits(text + 14, 2) || pair(text + 11) > 24 || pair(text + 14) > 59)
		return MARK_NONE;
	return text[10] == ' ' ? MARK_BLANK : text[10] == 'T' ? MARK_T : MARK_NONE;
}

int
mark_form(const struct cell *cell)
{
	if (cell->type == SQLITE_INTEGER || (cell->type == SQLITE_FLOAT && isfinite(cell->real)))
		return MARK_NUMBER;
	return cell->type == SQLITE_TEXT ? text_form(cell->data, cell->length) : MARK_NONE;
}

int
mark_fits(int form, int wanted)
{
	return form == wanted || (form == MARK_DATE && (wanted == MARK_BLANK || wanted == MARK_T));
}

/* -1: there was no memory for it. */
static int
form_of(sqlite3_value *value)
{
	struct cell cell = { .type = sqlite3_value_type(value) };

	if (cell.type == SQLITE_FLOAT)
		cell.real = sqlite3_value_double(value);
	if (cell.type != SQLITE_TEXT)
		return mark_form(&cell);
	cell.data = (char *)(uintptr_t)sqlite3_value_text(value);
	cell.length = (size_t)sqlite3_value_bytes(value);
	return cell.data != NULL ? mark_form(&cell) : -1;
}

static void
mark_is(sqlite3_context *context, int count, sqlite3_value **values)
{
	int form = form_of(values[0]);

	(void)count;
	if (form < 0)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_int(context, mark_fits(form, sqlite3_value_int(values[1])));
}

struct forms {
	sqlite3_int64 marks;
	sqlite3_int64 of[MARK_DIGITS + DIGITS_MOST + 1];
};

static void
forms_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct forms *forms = sqlite3_aggregate_context(context, sizeof *forms);
	int form;

	(void)count;
	if (sqlite3_value_type(values[0]) == SQLITE_NULL)
		return;
	form = forms != NULL ? form_of(values[0]) : -1;
	if (form < 0) {
		sqlite3_result_error_nomem(context);
		return;
	}
	forms->marks++;
	forms->of[form]++;
}

static void
forms_final(sqlite3_context *context)
{
	const struct forms *forms = sqlite3_aggregate_context(context, 0);
	int best = MARK_NONE;

	if (forms == NULL || forms->marks == 0)
		return;
	for (int form = MARK_NUMBER; form <= MARK_DIGITS + (int)DIGITS_MOST; form++)
		if (form != MARK_DATE && forms->of[form] > (best != MARK_NONE ? forms->of[best] : 0))
			best = form;
	/* Dates go with the times beside them; alone, or beside something else, they are a form of their own. */
	if (forms->of[MARK_DATE] > 0 && best != MARK_BLANK && best != MARK_T && forms->of[MARK_DATE] >= forms->of[best == MARK_NONE ? MARK_DATE : best])
		best = forms->of[MARK_T] > forms->of[MARK_BLANK] ? MARK_T : MARK_BLANK;
	sqlite3_result_int(context, best);
}

int
mark_functions(sqlite3 *db)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	int rc = sqlite3_create_function_v2(db, "syncline_mark_is", 2, flags, NULL, mark_is, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(db, "syncline_mark_form", 1, flags, NULL, NULL, forms_step, forms_final, NULL);
	return rc;
}
