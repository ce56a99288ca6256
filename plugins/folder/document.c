/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * document.c: one document and its sidecar.
 *
 * The sidecar's hash counts only while the file has the length and the time that stand beside it: a person may have changed
 * the document by hand.  A document without a sidecar whose file is still among the incoming streams as well is on its way
 * in (sink.c) and is not seen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"

static int64_t
micros(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000;
}

int
document_name_is_version(const char *name, size_t *ret_base_length)
{
	size_t n = strlen(name), digits = 0;

	while (digits < n && name[n - 1 - digits] >= '0' && name[n - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits > 9 || n < digits + 3 || name[n - digits - 1] != 'v' || name[n - digits - 2] != '.')
		return 0;
	*ret_base_length = n - digits - 2;
	return 1;
}

int
document_path_is_good(const struct place *place, const char *path)
{
	const char *name = strrchr(path, '/');
	size_t n, suffix = sizeof SIDECAR_SUFFIX - 1, base, depth = 0;

	if (!syncline_path_is_safe(path) || strlen(path) > PATH_BYTES_MAX - 2 || path[0] == '.' || strstr(path, "/.") != NULL)
		return 0;
	for (const char *p = path; *p != '\0'; p++) {
		depth += *p == '/';
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return 0;
	}
	if (depth >= DEPTH_MAX || (place->flat && name != NULL))
		return 0;
	name = name != NULL ? name + 1 : path;
	n = strlen(name);
	/* Room for what stands beside it: the sidecar's part file is the longest. */
	if (n + suffix + sizeof SYNCLINE_PART_PREFIX + sizeof SYNCLINE_PART_SUFFIX > 255)
		return 0;
	return !(n > suffix && strcmp(name + n - suffix, SIDECAR_SUFFIX) == 0) && !document_name_is_version(name, &base);
}

static int
is_null(const char *text, size_t length)
{
	while (length > 0 && strchr(" \t\r\n", *text) != NULL) {
		text++;
		length--;
	}
	return length >= 4 && memcmp(text, "null", 4) == 0;
}

/* NULL for what is no JSON, and for null.  -1: no memory, which json-c tells by giving nothing without an error. */
static int
parse(const char *text, size_t length, struct json_object **ret)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;
	enum json_tokener_error error;

	if (t == NULL)
		return -1;
	o = json_tokener_parse_ex(t, text, (int)length);
	if (o == NULL && json_tokener_get_error(t) == json_tokener_continue)
		o = json_tokener_parse_ex(t, "", 1); /* a number may go on */
	error = json_tokener_get_error(t);
	json_tokener_free(t);
	if (error != json_tokener_success && o != NULL) {
		json_object_put(o);
		o = NULL;
	}
	if (o == NULL && !is_null(text, length) && (error == json_tokener_success || strcmp(json_tokener_error_desc(error), "out of memory") == 0))
		return -1;
	*ret = o;
	return 0;
}

/* The sidecar of `name`, which may not be there. */
static uint32_t
read_sidecar(int folder, const char *name, const char *path, struct document *d, struct syncline_error *err)
{
	char sidecar[300];
	char *text;
	size_t have = 0;
	int fd;

	if (snprintf(sidecar, sizeof sidecar, "%s%s", name, SIDECAR_SUFFIX) >= (int)sizeof sidecar)
		return SYNCLINE_OK;
	fd = openat(folder, sidecar, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? SYNCLINE_OK : syncline_fail_errno(err, errno, "The sidecar of \"%s\" can't be opened.", path);
	if (fstat(fd, &d->sidecar_st) != 0 || !S_ISREG(d->sidecar_st.st_mode) || d->sidecar_st.st_size > (off_t)SIDECAR_MAX) {
		close(fd);
		return syncline_fail(err, SYNCLINE_INVALID, "The sidecar of \"%s\" is no file of at most %u bytes.", path, SIDECAR_MAX);
	}
	text = malloc((size_t)d->sidecar_st.st_size + 1);
	if (text == NULL) {
		close(fd);
		return syncline_fail_memory(err);
	}
	while (have < (size_t)d->sidecar_st.st_size) {
		ssize_t n = read(fd, text + have, (size_t)d->sidecar_st.st_size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	close(fd);
	if (syncline_is_utf8(text, have) && parse(text, have, &d->sidecar) != 0) {
		free(text);
		return syncline_fail_memory(err);
	}
	free(text);
	if (json_object_is_type(d->sidecar, json_type_object))
		return SYNCLINE_OK;
	json_object_put(d->sidecar);
	d->sidecar = NULL;
	syncline_fail(err, SYNCLINE_INVALID, "The sidecar of \"%s\" is not a JSON object.", path);
	syncline_hint(err, "Mend or remove the file %s beside the document.", sidecar);
	return SYNCLINE_INVALID;
}

/* Whether the file is also one of the incoming streams; -1 with errno when that can't be seen. */
static int
is_on_its_way(const struct place *place, const struct stat *st)
{
	int again, found = 0;
	DIR *dir;
	struct dirent *entry;

	if (st->st_nlink < 2 || place->folder->incoming < 0)
		return 0;
	again = openat(place->folder->incoming, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = again >= 0 ? fdopendir(again) : NULL;
	if (dir == NULL) {
		int number = errno;

		if (again >= 0)
			close(again);
		errno = number;
		return -1;
	}
	while (!found && (entry = readdir(dir)) != NULL) {
		struct stat other;

		found = entry->d_name[0] != '.' && fstatat(place->folder->incoming, entry->d_name, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
		        other.st_ino == st->st_ino && other.st_dev == st->st_dev;
	}
	closedir(dir);
	return found;
}

/* A sidecar, or an earlier content of the document that it is named after (walk.c has the same rule on a listing). */
static int
is_something_else(int folder, const char *name)
{
	char sidecar[300];
	struct stat st;
	size_t n = strlen(name), suffix = sizeof SIDECAR_SUFFIX - 1, base;

	if (n > suffix && strcmp(name + n - suffix, SIDECAR_SUFFIX) == 0)
		return 1;
	if (!document_name_is_version(name, &base) || base + suffix >= sizeof sidecar)
		return 0;
	memcpy(sidecar, name, base);
	strcpy(sidecar + base, SIDECAR_SUFFIX);
	return fstatat(folder, sidecar, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

uint32_t
document_load(const struct place *place, const char *path, struct document *ret_document, struct syncline_error *err)
{
	struct document d;
	const char *name;
	int folder, coming;
	uint32_t result;

	memset(&d, 0, sizeof d);
	if (path[0] == '.' || strstr(path, "/.") != NULL || (place->flat && strchr(path, '/') != NULL))
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "\"%s\" is no document.", path);
	result = syncline_open_parent_under(place->fd, path, 0, &folder, &name, err);
	if (result != SYNCLINE_OK)
		return result;
	if (is_something_else(folder, name)) {
		close(folder);
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "\"%s\" is no document.", path);
	}
	if (fstatat(folder, name, &d.st, AT_SYMLINK_NOFOLLOW) != 0) {
		result = syncline_fail_errno(err, errno, "The document \"%s\" isn't there.", path);
		close(folder);
		return result;
	}
	if (!S_ISREG(d.st.st_mode)) {
		close(folder);
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "\"%s\" is no document.", path);
	}
	result = read_sidecar(folder, name, path, &d, err);
	close(folder);
	if (result != SYNCLINE_OK)
		return result;
	coming = d.sidecar == NULL ? is_on_its_way(place, &d.st) : 0;
	if (coming < 0)
		return syncline_fail_errno(err, errno, "Whether the document \"%s\" is still on its way in can't be seen.", path);
	if (coming > 0)
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "The document \"%s\" is still on its way in.", path);
	d.path = strdup(path);
	if (d.path == NULL) {
		document_free(&d);
		return syncline_fail_memory(err);
	}
	snprintf(d.version, sizeof d.version, "%lld-%lld-%lld", (long long)micros(&d.st.st_mtim), (long long)d.st.st_size,
	         d.sidecar != NULL ? (long long)micros(&d.sidecar_st.st_mtim) : 0LL);
	snprintf(d.reference, sizeof d.reference, "doc:%s", path);
	*ret_document = d;
	return SYNCLINE_OK;
}

void
document_free(struct document *d)
{
	json_object_put(d->sidecar);
	free(d->path);
	d->sidecar = NULL;
	d->path = NULL;
}

const char *
document_text(const struct document *d, const char *member)
{
	struct json_object *o;

	if (d->sidecar == NULL || !json_object_object_get_ex(d->sidecar, member, &o) || !json_object_is_type(o, json_type_string))
		return NULL;
	return json_object_get_string(o);
}

int
document_hash_is_current(const struct document *d)
{
	struct json_object *length, *modified;
	const char *hash = document_text(d, "sha256");

	return hash != NULL && strlen(hash) == SHA256_HEX - 1 && json_object_object_get_ex(d->sidecar, "length", &length) &&
	       json_object_object_get_ex(d->sidecar, "modified_us", &modified) && json_object_get_int64(length) == (int64_t)d->st.st_size &&
	       json_object_get_int64(modified) == micros(&d->st.st_mtim);
}

/* A number's digits as they stand; what has an exponent travels as JSON. */
static int
number_value(struct json_object *o, struct syncline_value *ret)
{
	const char *text = json_object_get_string(o);
	int64_t number;

	if (text == NULL)
		return -1;
	if (syncline_to_integer(text, strlen(text), &number) == 0)
		*ret = syncline_integer(number);
	else
		*ret = syncline_is_decimal(text, strlen(text)) ? syncline_decimal(text, strlen(text)) : syncline_json(text, strlen(text));
	return 0;
}

/* A member of "fields" with what "types" says about a text. */
static int
field_value(const struct document *d, const char *field, struct syncline_value *ret)
{
	struct json_object *fields, *o, *types, *type;
	const char *kind = "", *text;
	int64_t number;

	if (d->sidecar == NULL || !json_object_object_get_ex(d->sidecar, "fields", &fields) || !json_object_is_type(fields, json_type_object) ||
	    !json_object_object_get_ex(fields, field, &o)) {
		*ret = syncline_absent();
		return 0;
	}
	if (json_object_object_get_ex(d->sidecar, "types", &types) && json_object_object_get_ex(types, field, &type) &&
	    json_object_is_type(type, json_type_string))
		kind = json_object_get_string(type);
	switch (json_object_get_type(o)) {
	case json_type_null:
		*ret = syncline_null();
		return 0;
	case json_type_boolean:
		*ret = syncline_boolean(json_object_get_boolean(o));
		return 0;
	case json_type_int:
	case json_type_double:
		return number_value(o, ret);
	case json_type_string:
		text = json_object_get_string(o);
		if (strcmp(kind, "date") == 0 && syncline_text_to_date(NULL, text, strlen(text), &number) == 0)
			*ret = syncline_date(number);
		else if (strcmp(kind, "timestamp") == 0 && syncline_text_to_timestamp(NULL, text, strlen(text), &number, NULL) == 0)
			*ret = syncline_timestamp(number);
		else if (strcmp(kind, "decimal") == 0 && syncline_is_decimal(text, strlen(text)))
			*ret = syncline_decimal(text, strlen(text));
		else
			*ret = syncline_text(text, (size_t)json_object_get_string_len(o));
		return 0;
	default:
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
		if (text == NULL)
			return -1;
		*ret = syncline_json(text, strlen(text));
		return 0;
	}
}

static struct syncline_value
text_or_absent(const char *text)
{
	return text != NULL ? syncline_string(text) : syncline_absent();
}

int
document_value(const struct place *place, const struct document *d, const char *field, struct syncline_value *ret)
{
	const char *slash = strrchr(d->path, '/'), *text;
	int64_t days;

	if (strcmp(field, place->path_field) == 0) {
		*ret = syncline_string(d->path);
	} else if (strcmp(field, place->content_field) == 0) {
		*ret = syncline_content(d->reference, strlen(d->reference));
	} else if (strcmp(field, place->external_field) == 0) {
		*ret = text_or_absent(document_text(d, "external_id"));
	} else if (strcmp(field, place->retention_field) == 0) {
		text = document_text(d, "retain_until");
		*ret = text != NULL && syncline_text_to_date(NULL, text, strlen(text), &days) == 0 ? syncline_date(days) : syncline_absent();
	} else if (strcmp(field, "file_name") == 0) {
		*ret = syncline_string(slash != NULL ? slash + 1 : d->path);
	} else if (strcmp(field, "file_size") == 0) {
		*ret = syncline_integer((int64_t)d->st.st_size);
	} else if (strcmp(field, "modified") == 0) {
		*ret = syncline_timestamp(micros(&d->st.st_mtim));
	} else if (strcmp(field, "sha256") == 0) {
		*ret = document_hash_is_current(d) ? text_or_absent(document_text(d, "sha256")) : syncline_absent();
	} else if (strcmp(field, "media_type") == 0) {
		*ret = text_or_absent(document_text(d, "media_type"));
	} else {
		return field_value(d, field, ret);
	}
	return 0;
}

int
document_add(struct json_object *to, const char *name, struct json_object *value)
{
	if (value != NULL && json_object_object_add(to, name, value) == 0)
		return 0;
	json_object_put(value);
	return -1;
}

static struct json_object *
member(struct json_object *parent, const char *name)
{
	struct json_object *o;

	if (json_object_object_get_ex(parent, name, &o) && json_object_is_type(o, json_type_object))
		return o;
	o = json_object_new_object();
	return document_add(parent, name, o) == 0 ? o : NULL;
}

/*
 * The value as JSON, NULL when it can't be; ret_kind: what "types" must say so that it comes back as it was, or NULL.
 * ret_memory: whether it was for want of memory.
 */
static struct json_object *
json_of(const struct syncline_value *v, const char **ret_kind, int *ret_memory)
{
	char text[64];
	const char *data = v->u.data != NULL ? v->u.data : "", *digits = data + (v->length > 0 && data[0] == '-');
	size_t whole = 0;
	struct json_object *o = NULL;

	*ret_kind = NULL;
	*ret_memory = 1;
	switch (v->type) {
	case SYNCLINE_TYPE_BOOLEAN:
		return json_object_new_boolean(v->u.integer != 0);
	case SYNCLINE_TYPE_INTEGER:
		return json_object_new_int64(v->u.integer);
	case SYNCLINE_TYPE_DATE:
		*ret_kind = "date";
		*ret_memory = syncline_date_to_text(NULL, v->u.integer, text, sizeof text, NULL) == 0;
		return *ret_memory ? json_object_new_string(text) : NULL;
	case SYNCLINE_TYPE_TIMESTAMP:
		*ret_kind = "timestamp";
		*ret_memory = syncline_timestamp_to_text(NULL, v->u.integer, text, sizeof text, NULL) == 0;
		return *ret_memory ? json_object_new_string(text) : NULL;
	case SYNCLINE_TYPE_DECIMAL:
		/* A JSON number where it has that form and json-c keeps every digit of it; else a text that "types" explains. */
		while (digits + whole < data + v->length && digits[whole] != '.')
			whole++;
		if (digits + whole < data + v->length && (whole == 1 || digits[0] != '0') && v->length < sizeof text) {
			memcpy(text, data, v->length);
			text[v->length] = '\0';
			return json_object_new_double_s(0, text);
		}
		*ret_kind = "decimal";
		return json_object_new_string_len(data, (int)v->length);
	case SYNCLINE_TYPE_JSON:
		*ret_memory = parse(data, v->length, &o) != 0;
		return o;
	default:
		return json_object_new_string_len(data, (int)v->length);
	}
}

uint32_t
document_set(struct json_object *sidecar, const char *name, const struct syncline_value *value, struct syncline_error *err)
{
	struct json_object *fields = member(sidecar, "fields"), *types, *o = NULL;
	const char *kind = NULL;
	int memory = 0;

	if (fields == NULL)
		return syncline_fail_memory(err);
	if (value->type == SYNCLINE_TYPE_BYTES || value->type == SYNCLINE_TYPE_CONTENT || value->type >= SYNCLINE_TYPE_COUNT) {
		syncline_fail(err, SYNCLINE_INVALID, "The field \"%s\" can't hold a value of this type.", name);
		syncline_hint(err, "Write bytes as text (hex or base64), and documents to the content field.");
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return SYNCLINE_INVALID;
	}
	if (value->type != SYNCLINE_TYPE_NULL) {
		o = json_of(value, &kind, &memory);
		if (o == NULL && memory)
			return syncline_fail_memory(err);
		if (o == NULL && !(value->type == SYNCLINE_TYPE_JSON && is_null(value->u.data, value->length))) {
			syncline_fail(err, SYNCLINE_INVALID, "The value of the field \"%s\" can't be kept as JSON.", name);
			syncline_applied(err, SYNCLINE_APPLIED_NO);
			return SYNCLINE_INVALID;
		}
	}
	if (json_object_object_add(fields, name, o) != 0) {
		json_object_put(o);
		return syncline_fail_memory(err);
	}
	if (kind != NULL) {
		types = member(sidecar, "types");
		if (types == NULL || document_add(types, name, json_object_new_string(kind)) != 0)
			return syncline_fail_memory(err);
	} else if (json_object_object_get_ex(sidecar, "types", &types)) {
		json_object_object_del(types, name);
	}
	return SYNCLINE_OK;
}

uint32_t
document_hash_file(int fd, const struct syncline_call *call, char hex[SHA256_HEX], struct syncline_error *err)
{
	crypto_hash_sha256_state state;
	unsigned char hash[crypto_hash_sha256_BYTES], chunk[65536];
	off_t at = 0;

	crypto_hash_sha256_init(&state);
	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof chunk, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return syncline_fail_errno(err, errno, "A document can't be read.");
		if (n == 0)
			break;
		if (syncline_cancelled(call))
			return syncline_fail_cancelled(err);
		crypto_hash_sha256_update(&state, chunk, (unsigned long long)n);
		at += n;
	}
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(hex, SHA256_HEX, hash, sizeof hash);
	return SYNCLINE_OK;
}
