/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_read_help.c: see flow_read_help.h. */
#include "flow_read_help.h"

#include <stdio.h>
#include <string.h>

#include "flow/vector.h"

const char rig_customers[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" erp: { connector = \"csv\"; settings: { directory = \"@/in\"; complete = \"rename\"; delimiter = \",\"; };"
	"  objects: { kunden: { native = \"kunden*.csv\"; key = [ \"nr\" ]; tenant = \"mandant\"; tenant_mode = \"split\"; reads = \"full\"; }; }; }; };"
	"units: { berlin: { systems: { erp: { tenant = \"100\"; }; }; }; munich: { systems: { erp: { tenant = \"200\"; }; }; }; };"
	"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; units = [ \"berlin\", \"munich\" ]; bindings: {"
	" erp: { object = \"kunden\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"nr\" ], [ \"name\", \"name\" ] ); }; }; }; };";

struct rig *
rig_new(void)
{
	struct rig *rig = calloc(1, sizeof *rig);

	assert_non_null(rig);
	rig->stand = stand_new(true);
	buffer_init(&rig->said, 0);
	return rig;
}

void
rig_free(struct rig *rig)
{
	rig_close(rig);
	stand_free(rig->stand);
	buffer_free(&rig->said);
	free(rig);
}

static void
said(void *data, uint32_t level, const char *text)
{
	struct rig *rig = data;

	(void)level;
	buffer_text(&rig->said, text);
	buffer_char(&rig->said, '\n');
}

static bool
progressed(void *data, const char *what, uint64_t done, uint64_t total)
{
	struct rig *rig = data;

	(void)total;
	assert_non_null(what);
	snprintf(rig->told, sizeof rig->told, "%s", what);
	return rig->progress == NULL || rig->progress(rig, done);
}

#define MUST(call, err)                                                                                                \
	do {                                                                                                               \
		if ((call) != 0)                                                                                               \
			fail_msg("%s: %s (%s) %s", #call, (err).message, (err).hint, (err).detail);                                \
	} while (0)

void
rig_open(struct rig *rig, const char *configuration)
{
	struct ledger_options ledger = { .mode = LEDGER_ENGINE, .who = "test" };
	struct engine_options engine = { .progress = progressed, .say = said, .data = rig };
	char state[400];

	rig_close(rig);
	stand_configure(rig->stand, configuration);
	snprintf(state, sizeof state, "%s", stand_path(rig->stand, "state"));
	ledger.state_dir = state;
	ledger.model = engine.model = rig->stand->model;
	MUST(ledger_open(&ledger, &rig->ledger, &rig->err), rig->err);
	engine.systems = &rig->stand->systems;
	engine.ledger = rig->ledger;
	MUST(engine_open(&engine, &rig->engine, &rig->err), rig->err);
	rig->flow = config_flow(rig->stand->model, "f");
	rig->object = config_object(config_system(rig->stand->model, "erp"), "kunden");
}

void
rig_close(struct rig *rig)
{
	engine_close(rig->engine);
	ledger_close(rig->ledger);
	rig->engine = NULL;
	rig->ledger = NULL;
}

static const struct config_unit *
unit_of(const struct rig *rig, const char *unit)
{
	return unit != NULL ? config_unit(rig->stand->model, unit) : NULL;
}

void
rig_flag(struct rig *rig, const char *unit, enum ledger_flag_mode mode)
{
	struct ledger_flag flag = { .flow = ledger_flow_id(rig->ledger, rig->flow), .unit = ledger_unit_id(rig->ledger, unit_of(rig, unit)),
		.mode = (uint8_t)mode, .who = "test", .why = "test" };

	MUST(ledger_begin(rig->ledger, &rig->err), rig->err);
	MUST(ledger_flag_set(rig->ledger, &flag, &rig->err), rig->err);
	MUST(ledger_commit(rig->ledger, &rig->err), rig->err);
}

static int
read_units(struct rig *rig, bool full, va_list names)
{
	struct intake *list[RIG_UNITS];
	const char *name;

	rig->count = 0;
	memset(rig->runs, 0, sizeof rig->runs);
	memset(&rig->err, 0, sizeof rig->err);
	memset(&rig->first, 0, sizeof rig->first);
	buffer_clear(&rig->said);
	while ((name = va_arg(names, const char *)) != NULL) {
		struct intake *intake = &rig->intakes[rig->count];

		*intake = (struct intake){ .engine = rig->engine, .flow = rig->flow, .unit = unit_of(rig, name), .full = full, .run = &rig->runs[rig->count] };
		intake->flow_id = ledger_flow_id(rig->ledger, rig->flow);
		intake->unit_id = ledger_unit_id(rig->ledger, intake->unit);
		list[rig->count++] = intake;
	}
	return intake_read(list, rig->count, &rig->failed, &rig->first, &rig->err);
}

int
rig_read(struct rig *rig, int full, ...)
{
	va_list names;
	int result;

	va_start(names, full);
	result = read_units(rig, full != 0, names);
	va_end(names);
	return result;
}

void
rig_must_read(struct rig *rig, int full, ...)
{
	va_list names;

	va_start(names, full);
	MUST(read_units(rig, full != 0, names), rig->err);
	va_end(names);
	if (rig->failed)
		fail_msg("%s: %s (%s)", rig->first.message, rig->first.detail, rig->first.hint);
}

uint64_t
rig_count(const struct rig *rig, const char *unit, enum ledger_count what)
{
	for (uint32_t i = 0; i < rig->count; i++)
		if (rig->intakes[i].unit == unit_of(rig, unit))
			return rig->runs[i].counts[what];
	fail_msg("the unit %s was not read", unit);
	return 0;
}

static bool
is_of(const struct rig *rig, const struct config_unit *unit, const struct batch *batch, const struct batch_record *record)
{
	const struct config_unit_system *at = unit != NULL ? config_unit_system(unit, "erp") : NULL;

	if (rig->object->tenant == NULL || at == NULL || at->tenant == NULL)
		return true;
	return record->tenant.length == strlen(at->tenant) && memcmp(batch_cell_data(batch, &record->tenant), at->tenant, record->tenant.length) == 0;
}

static int
next_staged(struct rig *rig, const struct config_unit *unit, struct ledger_staged *staged)
{
	int more = ledger_staged_next(rig->ledger, ledger_object_id(rig->ledger, rig->object), engine_credentials(rig->engine, rig->object->system, unit),
	                              ledger_flow_id(rig->ledger, rig->flow), ledger_unit_id(rig->ledger, unit), staged->id, staged, &rig->err);

	assert_true(more >= 0);
	return more;
}

const char *
rig_staged(struct rig *rig, const char *name, const char *field)
{
	static struct buffer text;
	const struct config_unit *unit = unit_of(rig, name);
	struct ledger_staged staged = { 0 };

	buffer_clear(&text);
	while (next_staged(rig, unit, &staged) == 1) {
		int at = field != NULL && staged.batch != NULL ? batch_find_field(staged.batch, field, strlen(field)) : -1;

		for (uint32_t i = 0; staged.batch != NULL && i < staged.batch->header->record_count; i++) {
			const struct batch_record *record = batch_record(staged.batch, i);

			if (!is_of(rig, unit, staged.batch, record))
				continue;
			buffer_format(&text, "%s%.*s", text.length > 0 ? " " : "", (int)record->native_id.length,
			              (const char *)batch_cell_data(staged.batch, &record->native_id));
			if (at >= 0)
				buffer_format(&text, "=%.*s", (int)record->cells[at].length, (const char *)batch_cell_data(staged.batch, &record->cells[at]));
		}
		batch_free(staged.batch);
	}
	return buffer_string(&text);
}

static void
adopt_batch(struct rig *rig, const struct config_unit *unit, const struct batch *batch, uint32_t effective)
{
	const struct config_entity *entity = rig->flow->entity;
	uint32_t object = ledger_object_id(rig->ledger, rig->object), unit_id = ledger_unit_id(rig->ledger, unit), count = batch->header->record_count;
	uint8_t (*raws)[16] = calloc(count, 16);
	struct buffer scratch;
	struct arena arena;

	buffer_init(&scratch, 0);
	arena_init(&arena, 0);
	assert_int_equal(vector_raws(ledger_hash_key(rig->ledger), batch, &scratch, raws), 0);
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_record *row = batch_record(batch, i);
		struct syncline_slice native = { batch_cell_data(batch, &row->native_id), row->native_id.length };
		struct syncline_value values[2] = { { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)native.length, .u.data = native.data },
			{ .type = SYNCLINE_TYPE_NULL } };
		struct ledger_record record = { .unit = unit_id, .generation = 1, .version = effective, .values = values };
		struct ledger_link link;

		if (!is_of(rig, unit, batch, row))
			continue;
		MUST(ledger_links_get(rig->ledger, entity, object, unit_id, &native, 1, &arena, &link, &rig->err), rig->err);
		if (link.id == 0) {
			link = (struct ledger_link){ .object = object, .unit = unit_id, .native = native };
			MUST(ledger_new_ids(rig->ledger, 1, &record.id, &rig->err), rig->err);
			MUST(ledger_records_put(rig->ledger, entity, &record, 1, &rig->err), rig->err);
			link.record = record.id;
		}
		memcpy(link.raw, raws[i], 16);
		link.effective = effective;
		link.state = row->op == SYNCLINE_OP_DELETED ? LEDGER_LINK_TOMBSTONE : LEDGER_LINK_LIVE;
		MUST(ledger_links_put(rig->ledger, entity, &link, 1, &rig->err), rig->err);
	}
	arena_free(&arena);
	buffer_free(&scratch);
	free(raws);
}

void
rig_adopt(struct rig *rig, const char *name)
{
	const struct config_unit *unit = unit_of(rig, name);
	uint32_t flow = ledger_flow_id(rig->ledger, rig->flow), unit_id = ledger_unit_id(rig->ledger, unit), effective;
	struct ledger_staged staged = { 0 };
	int64_t last = 0;

	MUST(ledger_begin(rig->ledger, &rig->err), rig->err);
	MUST(ledger_version_id(rig->ledger, flow, engine_bound(rig->engine, &rig->flow->bindings[0])->version, &effective, &rig->err), rig->err);
	while (next_staged(rig, unit, &staged) == 1) {
		if (staged.batch != NULL)
			adopt_batch(rig, unit, staged.batch, effective);
		batch_free(staged.batch);
		last = staged.id;
	}
	if (last != 0)
		MUST(ledger_applied(rig->ledger, ledger_object_id(rig->ledger, rig->object), engine_credentials(rig->engine, rig->object->system, unit), flow,
		                    unit_id, last, &rig->err), rig->err);
	MUST(ledger_commit(rig->ledger, &rig->err), rig->err);
}

static int
list_reject(void *data, const struct ledger_finding *row)
{
	struct buffer *text = data;

	buffer_format(text, "%s%s %.*s", text->length > 0 ? "; " : "", row->cause, (int)row->native.length,
	              row->native.length > 0 ? (const char *)row->native.data : "");
	return 0;
}

const char *
rig_rejects(struct rig *rig)
{
	static struct buffer text;
	struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_REJECT };

	buffer_clear(&text);
	MUST(ledger_findings(rig->ledger, &filter, list_reject, &text, &rig->err), rig->err);
	return buffer_string(&text);
}

bool
rig_complete(struct rig *rig, const char *name)
{
	const struct config_unit *unit = unit_of(rig, name);
	const struct config_unit_system *at = unit != NULL ? config_unit_system(unit, "erp") : NULL;
	struct ledger_read read;

	MUST(ledger_read_complete(rig->ledger, ledger_object_id(rig->ledger, rig->object), engine_credentials(rig->engine, rig->object->system, unit),
	                          rig->object->tenant != NULL && at != NULL ? at->tenant : NULL, ledger_unit_id(rig->ledger, unit), &read,
	                          &rig->err), rig->err);
	return read.id != 0;
}
