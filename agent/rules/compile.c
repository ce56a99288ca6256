/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile.c: from specs to a mapping.  Every rule is analysed and prepared, and every mistake is told before giving up.  Runs in
 * the thread that loads the configuration.
 */
#include <pthread.h>
#include <stdio.h>

#include <sodium.h>

#include "base/text.h"
#include "rules/engine.h"

struct compiler {
	struct mapping *mapping;
	const struct mapping_spec *spec;
	struct rules_worker *worker;
	rules_mistake *mistake;
	void *data;
	struct error *err;
	uint32_t mistakes;
	bool no_memory;
};

static const char *const type_names[RULES_TYPE_COUNT] = { "native", "text", "integer", "decimal", "boolean", "date", "timestamp", "email", "phone", "iban",
	                                                  "vat_id", "url", "json", "list", "ref", "content", "bytes" };
static const uint8_t type_values[RULES_TYPE_COUNT] = {
	SYNCLINE_TYPE_ABSENT, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_INTEGER, SYNCLINE_TYPE_DECIMAL, SYNCLINE_TYPE_BOOLEAN, SYNCLINE_TYPE_DATE,
	SYNCLINE_TYPE_TIMESTAMP, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_JSON,
	SYNCLINE_TYPE_JSON, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_CONTENT, SYNCLINE_TYPE_BYTES,
};

const char *
rules_type_name(enum rules_type type)
{
	return type_names[type];
}

bool
rules_type_by_name(const char *name, enum rules_type *ret_type)
{
	for (int i = 0; i < RULES_TYPE_COUNT; i++)
		if (strcmp(name, type_names[i]) == 0) {
			*ret_type = (enum rules_type)i;
			return true;
		}
	return false;
}

uint8_t
rules_type_value(enum rules_type type)
{
	return type_values[type];
}

/* ---- mistakes ---- */

/* The line that has byte `at`, shortened around it, and a caret below; *ret_line counts from 0. */
static void
caret(const char *text, uint32_t at, uint32_t length, char *out, size_t size, uint32_t *ret_line)
{
	size_t total = strlen(text), start = 0, end, from, used = 0, marks = 0;

	if (at > total)
		at = (uint32_t)total;
	*ret_line = 0;
	for (size_t i = 0; i < at; i++)
		if (text[i] == '\n') {
			++*ret_line;
			start = i + 1;
		}
	for (end = start; end < total && text[end] != '\n'; end++)
		;
	from = at - start > 100 ? at - 100 : start;
	while (from < at && ((unsigned char)text[from] & 0xC0) == 0x80)
		from++;
	if (end - from > 200) {
		end = from + 200;
		while (end > from && ((unsigned char)text[end] & 0xC0) == 0x80)
			end--;
	}
	for (size_t i = from; i < end && used + 2 < size; i++)
		out[used++] = (unsigned char)text[i] < 0x20 ? ' ' : text[i];
	if (used + 2 < size)
		out[used++] = '\n';
	for (size_t i = from; i < at && used + 2 < size; i++)
		if (((unsigned char)text[i] & 0xC0) != 0x80)
			out[used++] = ' ';
	for (size_t i = at; (i < at + length && i < end) || marks == 0; i++) {
		if (used + 2 >= size)
			break;
		if (i < end && ((unsigned char)text[i] & 0xC0) == 0x80 && marks > 0)
			continue;
		out[used++] = marks++ == 0 ? '^' : '~';
	}
	out[used] = '\0';
}

static void
report_slip(struct compiler *c, const char *what, const char *text, const struct rules_place *place, const struct slip *slip)
{
	struct error err = { 0 };
	char line_text[700];
	uint32_t line;

	c->mistakes++;
	error_set(&err, slip->code, slip->hint, "%s: %s", what, slip->message);
	caret(text, slip->at, slip->length, line_text, sizeof line_text, &line);
	error_detail(&err, "%s", line_text);
	if (place->file != NULL)
		error_place(&err, place->line > 0 ? "%s:%u" : "%s", place->file, place->line + line);
	else if (c->spec->name != NULL)
		error_place(&err, "%s", c->spec->name);
	if (c->mistake != NULL)
		c->mistake(c->data, &err);
	if (c->mistakes == 1 && c->err != NULL)
		*c->err = err;
}

/* ---- one rule ---- */

static int
copy_texts(struct compiler *c, struct rule *rule)
{
	struct arena *arena = &c->mapping->arena;
	struct rules_output *t = &rule->target;
	uint32_t count = 0;

	if ((rule->name = t->name = arena_text(arena, t->name != NULL ? t->name : "")) == NULL ||
	    (rule->text = t->expression = arena_text(arena, t->expression != NULL ? t->expression : "")) == NULL)
		return -1;
	if ((t->min != NULL && (t->min = arena_text(arena, t->min)) == NULL) || (t->max != NULL && (t->max = arena_text(arena, t->max)) == NULL) ||
	    (t->normalise != NULL && (t->normalise = arena_text(arena, t->normalise)) == NULL) ||
	    (t->place.file != NULL && (t->place.file = arena_text(arena, t->place.file)) == NULL))
		return -1;
	rule->place = t->place;
	while (t->one_of != NULL && t->one_of[count] != NULL)
		count++;
	if ((rule->one_of = arena_array(arena, count + 1u, sizeof *rule->one_of)) == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if ((rule->one_of[i].text = arena_text(arena, t->one_of[i])) == NULL)
			return -1;
		rule->one_of[i].length = strlen(t->one_of[i]);
	}
	rule->one_of_count = count;
	t->one_of = NULL;
	t->elements = NULL;
	t->element_fields = NULL;
	rule->sensitive = t->sensitive;
	return 0;
}

/* What SQLite says, in the words of the house. */
static void
sqlite_slip(struct compiler *c, const struct rule *rule, struct slip *slip)
{
	const char *message = sqlite3_errmsg(c->worker->db);
	int offset = sqlite3_error_offset(c->worker->db);
	uint32_t at = offset >= 0 ? rule_text_place(rule, offset) : 0;

	if (strncmp(message, "no such column: ", 16) == 0)
		slip_set(slip, at, (uint32_t)strlen(message + 16), "Names with odd characters stand in [ ], texts in ' '.", "there is no field \"%s\"", message + 16);
	else if (strncmp(message, "not authorized", 14) == 0 || strstr(message, "prohibited") != NULL)
		slip_set(slip, at, 1, "Rules read their record and json_each over it; syncline-rules(7) lists the functions.",
		         "this is not allowed in rules (%s)", message);
	else
		slip_set(slip, at, 1, "Write one SQL expression; see syncline-rules(7).", "%s", message);
}

/* Prepared alone, one column, nothing behind it, and no row of its own when there are no records. */
static int
try_sql(struct compiler *c, const struct rule *rule, struct slip *slip)
{
	static const struct rows none = { 0 };
	struct rules_worker *worker = c->worker;
	sqlite3_stmt *statement = NULL;
	const char *tail = NULL;
	int rc;

	worker->compiling = true;
	rc = sqlite3_prepare_v3(worker->db, rule->sql, (int)rule->sql_length, 0, &statement, &tail);
	worker->compiling = false;
	if (rc == SQLITE_NOMEM) {
		c->no_memory = true;
		return -1;
	}
	if (rc != SQLITE_OK) {
		sqlite_slip(c, rule, slip);
		return -1;
	}
	worker->rule = rule;
	worker->rows = &none;
	worker->mapping = NULL;
	worker->first_row = 0;
	worker->ticks = 0;
	worker->fault_set = worker->no_memory = false;
	if (tail != rule->sql + rule->sql_length || sqlite3_column_count(statement) != 1)
		slip_set(slip, 0, 1, "Write one SQL expression.", "this is more than one expression");
	else if ((rc = sqlite3_step(statement)) == SQLITE_NOMEM)
		c->no_memory = true;
	else if (rc == SQLITE_ROW)
		slip_set(slip, 0, 1, "Aggregates belong inside a subquery over a list of the record: (SELECT sum(value) FROM json_each(FIELD)).",
		         "the rule adds up records, and a rule has one record");
	else if (rc != SQLITE_DONE)
		slip_set(slip, 0, 1, worker->fault_set ? worker->fault.hint : "Correct the constant in the rule.", "%s",
		         worker->fault_set ? worker->fault.reason : sqlite3_errmsg(worker->db));
	sqlite3_finalize(statement);
	worker->rule = NULL;
	worker->rows = NULL;
	c->no_memory = c->no_memory || worker->no_memory;
	return slip->set || c->no_memory ? -1 : 0;
}

static bool
limit_fits(enum rules_type type, const char *limit)
{
	int64_t number;

	switch (type) {
	case RULES_INTEGER:
	case RULES_DECIMAL:
		return text_is_decimal(limit, strlen(limit));
	case RULES_DATE:
		return text_to_date(limit, strlen(limit), &number);
	case RULES_TIMESTAMP:
		return text_to_date(limit, strlen(limit), &number) || text_to_timestamp(limit, strlen(limit), &number);
	case RULES_TEXT:
		return true;
	default:
		return false;
	}
}

static void
check_target_spec(const struct rule *rule, struct slip *slip)
{
	static const char *const ways[] = { "trim", "upper", "lower", "fold", "digits" };
	const struct rules_output *t = &rule->target;
	bool known = t->normalise == NULL;

	for (size_t i = 0; !known && i < sizeof ways / sizeof *ways; i++)
		known = strcmp(ways[i], t->normalise) == 0;
	if (rule->name[0] == '\0' || strlen(rule->name) > SYNCLINE_NAME_MAX)
		slip_set(slip, 0, 1, "Names have 1 to 255 bytes.", "the field has no name, or too long a one");
	else if (!known)
		slip_set(slip, 0, 1, "It is trim, upper, lower, fold or digits.", "normalise = \"%.60s\" is not known", t->normalise);
	else if ((t->min != NULL && !limit_fits(t->type, t->min)) || (t->max != NULL && !limit_fits(t->type, t->max)))
		slip_set(slip, 0, 1, "Limits are written as values of the field's type.", "min or max is not a value of type %s", rules_type_name(t->type));
	else if (t->has_scale && t->scale > 1000)
		slip_set(slip, 0, 1, "A decimal has at most 1,000 digits.", "the scale %u is too large", t->scale);
}

static int compile_set(struct compiler *c, struct ruleset *set, const struct rules_output *outputs, uint32_t count, const char *inside);

static int
fill_fields(struct compiler *c, struct ruleset *set, const struct rules_field *fields, uint32_t count)
{
	struct arena *arena = &c->mapping->arena;

	set->fields = arena_array(arena, count + 1u, sizeof *set->fields);
	if (set->fields == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct set_field *field = &set->fields[i];

		field->spec = fields[i];
		field->name_length = strlen(fields[i].name);
		if ((field->spec.name = arena_text(arena, fields[i].name)) == NULL ||
		    (fields[i].entity != NULL && (field->spec.entity = arena_text(arena, fields[i].entity)) == NULL))
			return -1;
	}
	set->field_count = set->field_room = count;
	return 0;
}

/* Names and uses of the elements' rules belong to the list's rule as well. */
static int
take_over(struct compiler *c, struct rule *rule)
{
	struct arena *arena = &c->mapping->arena;

	for (uint32_t i = 0; i < rule->elements->rule_count; i++) {
		const struct rule *part = &rule->elements->rules[i];

		rule->uses |= part->uses;
		for (uint32_t k = 0; k < part->lookup_count; k++)
			if (text_list_add(arena, &rule->lookups, &rule->lookup_count, part->lookups[k]) != 0)
				return -1;
		for (uint32_t k = 0; k < part->system_count; k++)
			if (text_list_add(arena, &rule->systems, &rule->system_count, part->systems[k]) != 0)
				return -1;
		for (uint32_t k = 0; k < part->object_count; k++)
			if (text_list_add(arena, &rule->objects, &rule->object_count, part->objects[k]) != 0)
				return -1;
		for (uint32_t k = 0; k < part->follow_count; k++)
			if (text_list_add(arena, &rule->follows, &rule->follow_count, part->follows[k]) != 0)
				return -1;
	}
	return 0;
}

static int
compile_list(struct compiler *c, struct rule *rule, const struct rules_output *spec, struct slip *slip)
{
	char inside[600];

	if (rule->kind != RULE_COPY || (spec->type != RULES_LIST && spec->type != RULES_JSON && spec->type != RULES_NATIVE)) {
		slip_set(slip, 0, (uint32_t)strlen(rule->text), "Name the field that holds the list, and give the output the type list.",
		         "a list with rules for its elements comes from a field, not from an expression");
		return -1;
	}
	rule->kind = RULE_LIST;
	if ((rule->elements = arena_zalloc(&c->mapping->arena, sizeof *rule->elements)) == NULL ||
	    fill_fields(c, rule->elements, spec->element_fields, spec->element_field_count) != 0)
		return -1;
	rule->elements->open = spec->element_field_count == 0;
	snprintf(inside, sizeof inside, "%.250s.", rule->name);
	if (compile_set(c, rule->elements, spec->elements, spec->element_count, inside) != 0)
		return -1;
	return take_over(c, rule);
}

/* Mistakes are told and counted; -1 is for memory alone. */
static int
compile_rule(struct compiler *c, struct ruleset *set, struct rule *rule, const struct rules_output *spec, const char *inside, bool condition)
{
	struct scope scope = { .arena = &c->mapping->arena, .set = set, .spec = c->spec, .condition = condition };
	struct slip slip = { 0 };
	char what[700];

	rule->target = *spec;
	if (copy_texts(c, rule) != 0)
		return -1;
	rule->index = c->mapping->statement_count++;
	if (condition)
		snprintf(what, sizeof what, "%s", inside);
	else
		snprintf(what, sizeof what, "the rule of %s%.250s", inside, rule->name);
	check_target_spec(rule, &slip);
	if (slip.set || rule_analyse(&scope, rule, strlen(rule->text), &slip) != 0 || (rule->kind == RULE_SQL && try_sql(c, rule, &slip) != 0) ||
	    (spec->element_count > 0 && compile_list(c, rule, spec, &slip) != 0)) {
		if (!slip.set)
			return -1;
		report_slip(c, what, rule->text, &rule->place, &slip);
	}
	if (rule->reads == NULL && (rule->reads = arena_array(&c->mapping->arena, SYNCLINE_FIELDS_MAX / 64, sizeof *rule->reads)) == NULL)
		return -1;
	return 0;
}

static int
compile_set(struct compiler *c, struct ruleset *set, const struct rules_output *outputs, uint32_t count, const char *inside)
{
	set->rules = arena_array(&c->mapping->arena, count + 1u, sizeof *set->rules);
	if (set->rules == NULL)
		return -1;
	set->rule_count = count;
	for (uint32_t i = 0; i < count; i++) {
		if (compile_rule(c, set, &set->rules[i], &outputs[i], inside, false) != 0)
			return -1;
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(set->rules[k].name, set->rules[i].name) == 0) {
				struct slip slip = { 0 };

				slip_set(&slip, 0, 1, "Leave one of the two.", "%s has two rules", set->rules[i].name);
				report_slip(c, "the mapping", set->rules[i].text, &set->rules[i].place, &slip);
			}
	}
	return 0;
}

static int
compile_checks(struct compiler *c)
{
	struct mapping *m = c->mapping;
	struct rules_field *fields = arena_array(&m->arena, m->top.rule_count + 1u, sizeof *fields);

	if (fields == NULL)
		return -1;
	for (uint32_t i = 0; i < m->top.rule_count; i++)
		fields[i] = (struct rules_field){ .name = m->top.rules[i].name, .type = rules_type_value(m->top.rules[i].target.type),
			                          .scale = m->top.rules[i].target.has_scale ? m->top.rules[i].target.scale : SYNCLINE_SCALE_UNKNOWN,
			                          .sensitive = m->top.rules[i].target.sensitive };
	if (fill_fields(c, &m->checks, fields, m->top.rule_count) != 0 ||
	    (m->checks.rules = arena_array(&m->arena, c->spec->check_count + 1u, sizeof *m->checks.rules)) == NULL)
		return -1;
	m->checks.rule_count = c->spec->check_count;
	for (uint32_t i = 0; i < c->spec->check_count; i++) {
		const struct rules_check *check = &c->spec->checks[i];
		struct rules_output output = { .name = check->message, .expression = check->expression, .place = check->place };

		if (output.name == NULL || output.name[0] == '\0')
			output.name = "the record breaks a check";
		if (strlen(output.name) > SYNCLINE_NAME_MAX)
			output.name = check->expression;
		if (compile_rule(c, &m->checks, &m->checks.rules[i], &output, "the check", true) != 0 ||
		    (check->message != NULL && check->message[0] != '\0' && (m->checks.rules[i].name = arena_text(&m->arena, check->message)) == NULL))
			return -1;
	}
	return 0;
}

static int
compile_conditions(struct compiler *c)
{
	struct mapping *m = c->mapping;

	m->conditions.fields = m->top.fields;
	m->conditions.field_count = m->conditions.field_room = m->top.field_count;
	m->conditions.rules = arena_array(&m->arena, c->spec->condition_count + 1u, sizeof *m->conditions.rules);
	if (m->conditions.rules == NULL)
		return -1;
	m->conditions.rule_count = c->spec->condition_count;
	for (uint32_t i = 0; i < c->spec->condition_count; i++) {
		const struct rules_condition *condition = &c->spec->conditions[i];
		struct rules_output output = { .name = condition->name, .expression = condition->expression, .place = condition->place };
		char what[300];

		snprintf(what, sizeof what, "the condition %.200s", condition->name);
		if (compile_rule(c, &m->conditions, &m->conditions.rules[i], &output, what, true) != 0)
			return -1;
	}
	return 0;
}

/* ---- what the whole mapping reads, and its version ---- */

static int
gather(struct mapping *m)
{
	const struct ruleset *sets[] = { &m->top, &m->conditions };

	m->words = (m->top.field_count + 63) / 64;
	if ((m->reads = arena_array(&m->arena, m->words + 1u, sizeof *m->reads)) == NULL)
		return -1;
	for (size_t s = 0; s < 2; s++)
		for (uint32_t i = 0; i < sets[s]->rule_count; i++) {
			const struct rule *rule = &sets[s]->rules[i];

			m->uses |= rule->uses;
			for (uint32_t w = 0; w < m->words; w++)
				m->reads[w] |= rule->reads[w];
			for (uint32_t k = 0; k < rule->lookup_count; k++)
				if (text_list_add(&m->arena, &m->all_lookups, &m->all_lookup_count, rule->lookups[k]) != 0)
					return -1;
			for (uint32_t k = 0; k < rule->system_count; k++)
				if (text_list_add(&m->arena, &m->all_systems, &m->all_system_count, rule->systems[k]) != 0)
					return -1;
			for (uint32_t k = 0; k < rule->object_count; k++)
				if (text_list_add(&m->arena, &m->all_objects, &m->all_object_count, rule->objects[k]) != 0)
					return -1;
			for (uint32_t k = 0; k < rule->follow_count; k++)
				if (text_list_add(&m->arena, &m->all_follows, &m->all_follow_count, rule->follows[k]) != 0)
					return -1;
		}
	for (uint32_t i = 0; i < m->checks.rule_count; i++) {
		const struct rule *rule = &m->checks.rules[i];

		m->uses |= rule->uses;
		for (uint32_t k = 0; k < rule->lookup_count; k++)
			if (text_list_add(&m->arena, &m->all_lookups, &m->all_lookup_count, rule->lookups[k]) != 0)
				return -1;
	}
	m->output_fields = arena_array(&m->arena, m->top.rule_count + 1u, sizeof *m->output_fields);
	if (m->output_fields == NULL)
		return -1;
	for (uint32_t i = 0; i < m->top.rule_count; i++) {
		const struct rules_output *t = &m->top.rules[i].target;

		m->output_fields[i] = (struct syncline_field){ .struct_size = sizeof(struct syncline_field), .type = rules_type_value(t->type),
			.flags = (uint8_t)((t->required ? SYNCLINE_FIELD_REQUIRED : 0) | (t->sensitive ? SYNCLINE_FIELD_SENSITIVE : 0) |
			                   (t->create_only ? SYNCLINE_FIELD_CREATE_ONLY : 0)),
			.scale = t->has_scale ? t->scale : SYNCLINE_SCALE_UNKNOWN, .max_length = t->max_length, .name = m->top.rules[i].name };
	}
	return 0;
}

static void
hash_text(crypto_generichash_state *state, const char *text)
{
	uint8_t there = text != NULL;

	crypto_generichash_update(state, &there, 1);
	if (text != NULL)
		crypto_generichash_update(state, (const void *)text, strlen(text) + 1);
}

static void
hash_number(crypto_generichash_state *state, uint64_t number)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	crypto_generichash_update(state, bytes, sizeof bytes);
}

static void
hash_set(crypto_generichash_state *state, const struct ruleset *set)
{
	hash_number(state, set->rule_count);
	for (uint32_t i = 0; i < set->rule_count; i++) {
		const struct rule *rule = &set->rules[i];
		const struct rules_output *t = &rule->target;

		hash_text(state, rule->name);
		hash_text(state, rule->text);
		hash_number(state, (uint64_t)t->type << 32 | (uint64_t)t->has_scale << 16 | (t->has_scale ? t->scale : 0));
		hash_number(state, (uint64_t)t->max_length << 8 | (uint64_t)t->required << 1 | t->create_only);
		hash_text(state, t->min);
		hash_text(state, t->max);
		hash_text(state, t->normalise);
		hash_number(state, rule->one_of_count);
		for (uint32_t k = 0; k < rule->one_of_count; k++)
			hash_text(state, rule->one_of[k].text);
		/* What the fields that it reads are declared as decides how they are read. */
		hash_number(state, rule->column_count);
		for (uint32_t k = 0; k < rule->column_count; k++) {
			hash_text(state, set->fields[rule->columns[k].field].spec.name);
			hash_number(state, rule->columns[k].declared);
		}
		if (rule->elements != NULL)
			hash_set(state, rule->elements);
	}
}

static int
hash_mapping(struct compiler *c)
{
	struct mapping *m = c->mapping;
	crypto_generichash_state state;
	struct buffer functions;
	int result;

	buffer_init(&functions, 1024 * 1024);
	if ((result = rules_functions_version(c->worker->functions, &functions, c->err)) == 0) {
		crypto_generichash_init(&state, NULL, 0, sizeof m->version);
		hash_text(&state, "rules/1");
		hash_set(&state, &m->top);
		hash_set(&state, &m->checks);
		hash_set(&state, &m->conditions);
		for (uint32_t i = 0; i < m->lookup_count; i++)
			for (uint32_t k = 0; k < m->all_lookup_count; k++)
				if (strcmp(rules_lookup_name(m->lookups[i]), m->all_lookups[k]) == 0)
					crypto_generichash_update(&state, rules_lookup_hash(m->lookups[i]), RULES_VERSION_BYTES);
		crypto_generichash_update(&state, (const void *)functions.data, functions.length);
		crypto_generichash_final(&state, m->version, sizeof m->version);
	}
	buffer_free(&functions);
	return result;
}

/* ---- the mapping ---- */

static uint64_t
next_id(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t last;
	uint64_t id;

	pthread_mutex_lock(&lock);
	id = ++last;
	pthread_mutex_unlock(&lock);
	return id;
}

static int
compile_all(struct compiler *c)
{
	struct mapping *m = c->mapping;

	m->lookups = arena_array(&m->arena, c->spec->lookup_count + 1u, sizeof *m->lookups);
	if (m->lookups == NULL || fill_fields(c, &m->top, c->spec->fields, c->spec->field_count) != 0)
		return -1;
	m->top.open = c->spec->open;
	for (uint32_t i = 0; i < c->spec->lookup_count; i++)
		m->lookups[m->lookup_count++] = lookup_share(c->spec->lookups[i]);
	if (compile_set(c, &m->top, c->spec->outputs, c->spec->output_count, "") != 0 || compile_checks(c) != 0 || compile_conditions(c) != 0)
		return -1;
	return gather(m);
}

struct mapping *
mapping_compile(const struct mapping_spec *spec, rules_mistake *mistake, void *data, struct error *err)
{
	struct error ignored = { 0 };
	struct compiler c = { .spec = spec, .mistake = mistake, .data = data, .err = err != NULL ? err : &ignored };
	bool good = false;

	if (sodium_init() < 0 || (c.mapping = mapping_new()) == NULL) {
		error_memory(err);
		return NULL;
	}
	if ((c.worker = rules_worker_new(c.err)) == NULL) {
		mapping_free(c.mapping);
		return NULL;
	}
	c.mapping->id = next_id();
	if (spec->field_count > SYNCLINE_FIELDS_MAX || spec->output_count > SYNCLINE_FIELDS_MAX)
		error_set(c.err, ERROR_RULE_INVALID, "Split the object.", "a mapping has more than 4,096 fields");
	else if (compile_all(&c) != 0)
		error_memory(c.err);
	else
		good = c.mistakes == 0 && hash_mapping(&c) == 0;
	rules_worker_free(c.worker);
	if (good)
		return c.mapping;
	mapping_free(c.mapping);
	return NULL;
}
