/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: the descriptor: loading it, looking at every word of it, opening and closing instances.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <syncline/helper.h>

#include "check.h"

int
check_load(struct check *c, char *ret_fault, size_t size)
{
	const struct syncline_connector *(*entry)(void);
	void *so = dlopen(c->path, RTLD_NOW | RTLD_LOCAL);

	if (so == NULL) {
		snprintf(ret_fault, size, "%s", dlerror());
		return -1;
	}
	*(void **)&entry = dlsym(so, SYNCLINE_CONNECTOR_SYMBOL);
	if (entry == NULL) {
		snprintf(ret_fault, size, "%s has no function %s", c->path, SYNCLINE_CONNECTOR_SYMBOL);
		return -1;
	}
	c->connector = entry();
	if (c->connector == NULL || entry() != c->connector) {
		snprintf(ret_fault, size, "%s() gives no descriptor, or another one each time", SYNCLINE_CONNECTOR_SYMBOL);
		return -1;
	}
	if (c->connector->struct_size < offsetof(struct syncline_connector, name) || c->connector->abi_major != SYNCLINE_ABI_MAJOR) {
		snprintf(ret_fault, size, "%s was built for contract %u; this is %u", c->path, (unsigned)c->connector->abi_major, SYNCLINE_ABI_MAJOR);
		return -1;
	}
	if (c->connector->struct_size < offsetof(struct syncline_connector, close) + sizeof c->connector->close) {
		snprintf(ret_fault, size, "the descriptor's struct_size %u is too small", c->connector->struct_size);
		return -1;
	}
	return 0;
}

const void *
check_part(const struct check *c, const char *id)
{
	for (uint32_t i = 0; i < c->connector->part_count; i++)
		if (c->connector->parts[i].id != NULL && strcmp(c->connector->parts[i].id, id) == 0)
			return c->connector->parts[i].table;
	return NULL;
}

static bool
is_name(const char *name, const char *other)
{
	if (name == NULL || name[0] < 'a' || name[0] > 'z')
		return false;
	for (; *name != '\0'; name++)
		if (!((*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9') || strchr(other, *name) != NULL))
			return false;
	return true;
}

static bool
is_line(const char *text)
{
	return text != NULL && text[0] != '\0' && strchr(text, '\n') == NULL && syncline_is_utf8(text, strlen(text));
}

static void
names(struct check *c)
{
	const struct syncline_connector *d = c->connector;

	check_say(c, is_name(d->name, "-"), "name", "%s", d->name != NULL ? d->name : "(none)");
	check_say(c, is_line(d->version) && is_line(d->summary) && is_line(d->vendor) && is_line(d->licence), "who it is", "%s %s, %s, %s",
	          d->version != NULL ? d->version : "no version", d->summary != NULL ? d->summary : "no summary",
	          d->vendor != NULL ? d->vendor : "no vendor", d->licence != NULL ? d->licence : "no licence");
}

static const char *
param_fault(const struct syncline_connector *d, uint32_t at, const struct syncline_param *p)
{
	struct syncline_setting s = { 0 };
	struct syncline_param other;

	if (p->struct_size < offsetof(struct syncline_param, minimum))
		return "has too small a struct_size";
	if (!is_name(p->name, "_"))
		return "has a name that isn't lower case, digits and _";
	if (p->type == 0 || p->type >= SYNCLINE_PARAM_TYPE_COUNT)
		return "has an unknown type";
	if (p->scope != SYNCLINE_SCOPE_SYSTEM && p->scope != SYNCLINE_SCOPE_OBJECT)
		return "has an unknown scope";
	if (!is_line(p->help))
		return "has no help text, or one that isn't one line of UTF-8";
	if ((p->type == SYNCLINE_PARAM_CHOICE) != (p->choices != NULL && p->choices[0] != NULL))
		return "has choices without being a choice, or the other way round";
	if (p->minimum > p->maximum)
		return "has a minimum above its maximum";
	if (p->type == SYNCLINE_PARAM_SECRET && (p->default_value != NULL || p->scope == SYNCLINE_SCOPE_OBJECT))
		return "is a secret with a default, or one of an object";
	if ((p->flags & SYNCLINE_PARAM_REQUIRED) != 0 && p->default_value != NULL)
		return "is required and has a default";
	if ((p->flags & SYNCLINE_PARAM_WRITABLE) != 0 && p->type != SYNCLINE_PARAM_PATH)
		return "is writable but no path";
	for (uint32_t i = 0; i < at; i++) {
		SYNCLINE_COPY(&other, (const struct syncline_param *)syncline_at(d->params, i));
		if (other.scope == p->scope && strcmp(other.name, p->name) == 0)
			return "is there twice";
	}
	return p->default_value != NULL && settings_fault(p, p->default_value, &s) != NULL ? "has a default that is no value of its type" : NULL;
}

static void
parameters(struct check *c)
{
	const struct syncline_connector *d = c->connector;
	char first[200] = "";
	uint32_t faults = 0, phrases = 0;

	for (uint32_t i = 0; i < d->param_count; i++) {
		struct syncline_param p;
		const char *fault;

		SYNCLINE_COPY(&p, (const struct syncline_param *)syncline_at(d->params, i));
		fault = param_fault(d, i, &p);
		phrases += !check_sentence(p.help);
		if (fault != NULL && faults++ == 0)
			snprintf(first, sizeof first, "parameter %u (%.60s) %s", i, p.name != NULL ? p.name : "no name", fault);
	}
	if (faults > 1)
		check_say(c, false, "parameters", "%s, and %u more like it", first, faults - 1);
	else
		check_say(c, faults == 0, "parameters", "%u%s%s", d->param_count, first[0] != '\0' ? ": " : "", first);
	if (phrases > 0)
		check_advise(c, "help texts are sentences", "%u of %u don't end as one", phrases, d->param_count);
}

/* The part ids of the contract, how large a table is at least, and where its functions stand that can't be NULL. */
#define F(type, member) offsetof(struct type, member)
static const struct part_rule {
	const char *id;
	size_t size;
	size_t functions[9]; /* 0: no more */
} part_rules[] = {
	{ "source/1", F(syncline_source_v1, get), { F(syncline_source_v1, open_read), F(syncline_source_v1, next), F(syncline_source_v1, close_read) } },
	{ "sink/1", F(syncline_sink_v1, finish), { F(syncline_sink_v1, write) } },
	{ "find/1", sizeof(struct syncline_find_v1), { F(syncline_find_v1, find) } },
	{ "count/1", sizeof(struct syncline_count_v1), { F(syncline_count_v1, count) } },
	{ "digest/1", sizeof(struct syncline_digest_v1), { F(syncline_digest_v1, digest) } },
	{ "discover/1", sizeof(struct syncline_discover_v1), { F(syncline_discover_v1, objects), F(syncline_discover_v1, fields) } },
	{ "content/1", sizeof(struct syncline_content_v1),
	  { F(syncline_content_v1, open_read), F(syncline_content_v1, read), F(syncline_content_v1, close_read) } },
	{ "webhook/1", sizeof(struct syncline_webhook_v1), { F(syncline_webhook_v1, receive) } },
	{ "check/1", sizeof(struct syncline_check_v1), { F(syncline_check_v1, check) } },
};

static const char *
part_fault(const struct syncline_connector *d, uint32_t at)
{
	const struct syncline_part *p = &d->parts[at];
	const struct part_rule *rule = NULL;
	uint32_t size;

	if (p->id == NULL || p->table == NULL)
		return "has no id or no table";
	for (uint32_t i = 0; i < at; i++)
		if (strcmp(d->parts[i].id, p->id) == 0)
			return "is there twice";
	for (size_t i = 0; i < sizeof part_rules / sizeof *part_rules; i++)
		if (strcmp(part_rules[i].id, p->id) == 0)
			rule = &part_rules[i];
	if (rule == NULL)
		return "is unknown to this version of the contract";
	memcpy(&size, p->table, sizeof size);
	if (size < rule->size)
		return "has a table with too small a struct_size";
	for (size_t i = 0; rule->functions[i] != 0; i++) {
		void (*function)(void);

		memcpy(&function, (const char *)p->table + rule->functions[i], sizeof function);
		if (function == NULL)
			return "lacks a function";
	}
	return NULL;
}

static void
parts(struct check *c)
{
	struct syncline_buffer list;
	bool good = c->connector->part_count > 0;

	syncline_buffer_init(&list, 0);
	for (uint32_t i = 0; i < c->connector->part_count; i++) {
		const char *fault = part_fault(c->connector, i);

		if (fault != NULL)
			good = check_say(c, false, "parts", "part %u (%s) %s", i, c->connector->parts[i].id != NULL ? c->connector->parts[i].id : "no id", fault);
		else
			syncline_buffer_format(&list, "%s%s", list.length > 0 ? " " : "", c->connector->parts[i].id);
	}
	check_say(c, good, "parts", "%s", list.length > 0 ? syncline_buffer_string(&list) : "none");
	syncline_buffer_free(&list);
}

static void
capabilities(struct check *c)
{
	struct syncline_capabilities caps;
	const struct syncline_source_v1 *source = check_part(c, "source/1");
	const uint8_t *flags;
	const char *fault = NULL;

	if (c->connector->capabilities == NULL) {
		check_say(c, false, "capabilities", "the descriptor has none");
		return;
	}
	SYNCLINE_COPY(&caps, c->connector->capabilities);
	flags = (const uint8_t *)&caps + offsetof(struct syncline_capabilities, read_full);
	for (size_t i = 0; i < offsetof(struct syncline_capabilities, reserved) - offsetof(struct syncline_capabilities, read_full); i++)
		if (flags[i] > SYNCLINE_NATIVE)
			fault = "one is none of none, emulated, native";
	if ((caps.read_full || caps.read_delta) != (source != NULL))
		fault = "reading and source/1 don't agree";
	else if ((caps.get != 0) != (source != NULL && source->struct_size > offsetof(struct syncline_source_v1, get) && source->get != NULL))
		fault = "get and source/1's get don't agree";
	else if ((caps.create || caps.update || caps.remove) != (check_part(c, "sink/1") != NULL))
		fault = "writing and sink/1 don't agree";
	else if ((caps.find != 0) != (check_part(c, "find/1") != NULL))
		fault = "find and find/1 don't agree";
	else if ((caps.count != 0) != (check_part(c, "count/1") != NULL))
		fault = "count and count/1 don't agree";
	else if ((caps.digest != 0) != (check_part(c, "digest/1") != NULL))
		fault = "digest and digest/1 don't agree";
	else if ((caps.content != 0) != (check_part(c, "content/1") != NULL))
		fault = "content and content/1 don't agree";
	else if (caps.idempotency_retention_ms < 0 || caps.find_lag_ms < 0 || caps.settle_ms < 0)
		fault = "a time is negative";
	else if (caps.idempotency != 0 && caps.idempotency_retention_ms == 0)
		fault = "it remembers keys for no time";
	check_say(c, fault == NULL, "capabilities", "%s", fault != NULL ? fault : "");
	if (caps.create != 0)
		check_say(c, caps.upsert || caps.idempotency || caps.find, "creates once", "%s",
		          caps.idempotency ? "by idempotency key" : caps.upsert ? "by external key" : caps.find ? "by finding first"
		          : "by no way: an administrator must accept duplicates by name");
}

void
check_descriptor(struct check *c)
{
	check_say(c, true, "loads", "contract %u.%u", (unsigned)c->connector->abi_major, (unsigned)c->connector->abi_minor);
	names(c);
	parameters(c);
	parts(c);
	capabilities(c);
}

bool
check_open(struct check *c)
{
	struct syncline_error err = { .struct_size = sizeof err };
	char fault[400];
	uint32_t result;

	if (settings_make(c->connector, SYNCLINE_SCOPE_SYSTEM, c->settings, c->setting_count, &c->given, fault, sizeof fault) != 0)
		return check_say(c, false, "settings", "%s", fault);
	for (uint32_t i = 0; i < c->object_count; i++) {
		struct object *o = &c->objects[i];

		if (settings_make(c->connector, SYNCLINE_SCOPE_OBJECT, o->own, o->own_count, &o->given, fault, sizeof fault) != 0)
			return check_say(c, false, "settings", "%s", fault);
		o->object.settings = &o->given.settings;
	}
	result = c->connector->open(&c->bench.host, bench_call(&c->bench, 30000), &c->given.settings, &c->instance, &err);
	if (result != SYNCLINE_OK)
		return check_say(c, false, "opens", "%s: %s", check_class(result), check_text(&err));
	return true;
}

static unsigned
open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

#if defined(__SANITIZE_ADDRESS__)
static const bool memory_is_counted = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool memory_is_counted = false;
#else
static const bool memory_is_counted = true;
#endif
#else
static const bool memory_is_counted = true;
#endif

static long
peak_kib(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

/* Needs a parameter and doesn't get it: what does it say? */
static void
open_without(struct check *c)
{
	struct syncline_settings nothing = { sizeof nothing, 0, NULL };
	struct syncline_error err = { .struct_size = sizeof err };
	bool required = false;
	void *instance = &nothing;
	uint32_t result;

	for (uint32_t i = 0; i < c->connector->param_count; i++) {
		struct syncline_param p;

		SYNCLINE_COPY(&p, (const struct syncline_param *)syncline_at(c->connector->params, i));
		required |= (p.flags & SYNCLINE_PARAM_REQUIRED) != 0 && p.type != SYNCLINE_PARAM_SECRET;
	}
	if (!required) {
		check_skip(c, "opens without settings", "no parameter is required");
		return;
	}
	/* The agent refuses this before; a connector must not crash on it all the same. */
	result = c->connector->open(&c->bench.host, bench_call(&c->bench, 30000), &nothing, &instance, &err);
	if (result == SYNCLINE_OK) {
		c->connector->close(instance);
		check_say(c, true, "opens without settings", "and waits with its refusal for the first call");
	} else {
		check_say(c, instance == &nothing && check_sentence(err.message), "refuses without settings", "%s: %s%s", check_class(result), check_text(&err),
		          instance != &nothing ? " (but wrote to ret_instance)" : "");
	}
}

static void
remark(const struct syncline_findings *findings, uint32_t severity, const char *object, const char *message, const char *hint)
{
	(void)object;
	(void)hint;
	if (severity > SYNCLINE_LOG_ERROR || !check_sentence(message))
		*(bool *)findings->host_data = false;
}
static void
found_object(const struct syncline_findings *findings, const struct syncline_object_info *info)
{
	if (info->native == NULL || info->native[0] == '\0' || strlen(info->native) > SYNCLINE_NAME_MAX)
		*(bool *)findings->host_data = false;
}
static void
found_field(const struct syncline_findings *findings, const struct syncline_field *field)
{
	if (field->name == NULL || field->name[0] == '\0' || strlen(field->name) > SYNCLINE_NAME_MAX || field->type >= SYNCLINE_TYPE_COUNT)
		*(bool *)findings->host_data = false;
}

static void
ask_about_itself(struct check *c)
{
	const struct syncline_check_v1 *check = check_part(c, "check/1");
	const struct syncline_discover_v1 *discover = check_part(c, "discover/1");
	bool good = true;
	struct syncline_findings findings = { .struct_size = sizeof findings, .object = found_object, .field = found_field, .remark = remark, .host_data = &good };
	struct syncline_error err = { .struct_size = sizeof err };
	uint32_t result;

	if (check != NULL) {
		result = check->check(c->instance, bench_call(&c->bench, 30000), &findings, &err);
		check_say(c, result == SYNCLINE_OK && good, "check/1", "%s", result != SYNCLINE_OK ? check_text(&err) : good ? "" : "a remark is no sentence");
	}
	if (discover == NULL)
		return;
	good = true;
	result = discover->objects(c->instance, bench_call(&c->bench, 30000), &findings, &err);
	check_say(c, result == SYNCLINE_OK && good, "discover/1", "%s", result != SYNCLINE_OK ? check_text(&err) : good ? "objects" : "an object has no name");
	for (uint32_t i = 0; i < c->object_count; i++) {
		good = true;
		result = discover->fields(c->instance, bench_call(&c->bench, 30000), &c->objects[i].object, &findings, &err);
		check_say(c, result == SYNCLINE_OK && good, "discover/1", "fields of %s%s%s", c->objects[i].object.alias, result == SYNCLINE_OK ? "" : ": ",
		          result != SYNCLINE_OK ? check_text(&err) : good ? "" : ": a field has no name or an unknown type");
	}
}

void
check_opening(struct check *c)
{
	unsigned before;
	long memory = 0;
	bool opened = true;

	open_without(c);
	if (!check_open(c))
		return;
	check_say(c, true, "opens", "%s", c->connector->name);
	ask_about_itself(c);
	c->connector->close(c->instance);
	before = open_descriptors();
	for (int i = 0; i < 300 && opened; i++) {
		if (i == 100)
			memory = peak_kib();
		opened = check_open(c);
		if (opened)
			c->connector->close(c->instance);
	}
	if (opened) {
		check_say(c, open_descriptors() == before, "leaves no descriptor open", "%u before, %u after 300 times", before, open_descriptors());
		if (memory_is_counted)
			check_say(c, peak_kib() - memory < 512, "memory doesn't grow", "%ld KiB in 200 times", peak_kib() - memory);
		else
			check_skip(c, "memory doesn't grow", "the address sanitizer keeps what was freed");
	}
}
