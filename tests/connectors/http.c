/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http.c: asks one question over http/1 when it is checked, and remarks what came: the status, a header, the body.  Its log has the call's
 * correlation id.
 * Settings: url, method, flags, max.
 */
#include <stdio.h>
#include <string.h>

#include <syncline/connector.h>

static const struct syncline_host *host;
static const struct syncline_http_service_v1 *http;
static const struct syncline_log_service_v1 *logger;
static const char *url, *method;
static uint32_t flags;
static size_t max;

static uint32_t
on_open(const struct syncline_host *given, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
        struct syncline_error *err)
{
	(void)call, (void)err;
	host = given;
	http = given->get_service(given, "http/1");
	logger = given->get_service(given, "log/1");
	for (uint32_t i = 0; i < settings->count; i++) {
		const struct syncline_setting *s = &settings->items[i];

		if (strcmp(s->name, "url") == 0)
			url = s->text;
		else if (strcmp(s->name, "method") == 0)
			method = s->text;
		else if (strcmp(s->name, "flags") == 0)
			flags = (uint32_t)s->integer;
		else if (strcmp(s->name, "max") == 0)
			max = (size_t)s->integer;
	}
	*ret_instance = &host;
	return http != NULL && url != NULL && method != NULL ? SYNCLINE_OK : SYNCLINE_CONFIG;
}

static void
on_close(void *instance)
{
	(void)instance;
}

static uint32_t
on_check(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct syncline_http_header header = { "X-Question", "wie geht's" };
	struct syncline_http_request request = { .struct_size = sizeof request, .flags = flags, .method = method, .url = url, .headers = &header,
		.header_count = 1, .response_max = max };
	struct syncline_http_response response = { .struct_size = sizeof response };
	char text[256], body[256];
	uint32_t klass;

	(void)instance;
	if (strcmp(method, "POST") == 0)
		request.body = (struct syncline_slice){ "a=1", 3 };
	if ((klass = http->perform(host, call, &request, &response, err)) != SYNCLINE_OK)
		return klass;
	snprintf(body, sizeof body, "%.*s", (int)response.body.length, (const char *)response.body.data);
	for (uint32_t i = 0; i < response.header_count; i++)
		if (strcmp(response.headers[i].name, "x-answer") == 0) {
			snprintf(text, sizeof text, "%u %s", response.status, response.headers[i].value);
			findings->remark(findings, SYNCLINE_LOG_INFO, NULL, text, body);
		}
	http->release(host, &response);
	logger->write(host, SYNCLINE_LOG_INFO, call->correlation);
	return SYNCLINE_OK;
}

static const struct syncline_check_v1 checker = { .struct_size = sizeof checker, .check = on_check };
static const struct syncline_part parts[] = { { "check/1", &checker } };
static const struct syncline_connector connector = { .struct_size = sizeof connector, .abi_major = SYNCLINE_ABI_MAJOR, .name = "http",
	.version = "0", .parts = parts, .part_count = 1, .open = on_open, .close = on_close };

const struct syncline_connector *
syncline_connector(void)
{
	return &connector;
}
