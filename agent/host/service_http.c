/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service_http.c: http/1 over libcurl: TLS always checked, redirects left to the connector to judge, answers bounded, methods
 * that write refused for a system that is not writable, the call's deadline and cancellation obeyed.  The thread of the call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <strings.h>

#include <curl/curl.h>

#include "host/inside.h"
#include "os/os.h"

#define RESPONSE_DEFAULT (16u * 1024u * 1024u)
#define HEADERS_MAX 512u
#define HEADER_BYTES_MAX (256u * 1024u)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void
start_curl(void)
{
	global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
guest_http_start(void)
{
	return pthread_once(&once, start_curl) == 0 && global_result == CURLE_OK ? 0 : -1;
}

void
guest_http_stop(struct guest *guest)
{
	if (guest->curl != NULL)
		curl_easy_cleanup(guest->curl);
	guest->curl = NULL;
}

/* The guest's own handle, its options as new, its connections kept. */
static CURL *
take_handle(struct guest *guest)
{
	if (guest_http_start() != 0)
		return NULL;
	if (guest->curl == NULL)
		guest->curl = curl_easy_init();
	else
		curl_easy_reset(guest->curl);
	return guest->curl;
}

/* One exchange and the memory of its answer, which lives until release(). */
struct exchange {
	struct arena arena;
	struct buffer body;
	struct syncline_http_header *headers;
	uint32_t header_count;
	const struct syncline_call *call;
	bool too_large;
	bool failed;
	char reason[CURL_ERROR_SIZE];
};

static void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	arena_free(&x->arena);
	buffer_free(&x->body);
	free(x->headers);
	free(x);
}

static uint32_t
fail(struct syncline_error *err, uint32_t klass, uint32_t applied, const char *hint, const char *message, const char *detail)
{
	struct syncline_error said = { .struct_size = sizeof said, .applied = applied };
	uint32_t size;

	if (err == NULL || err->struct_size < offsetof(struct syncline_error, message))
		return klass;
	snprintf(said.message, sizeof said.message, "%s", message);
	snprintf(said.detail, sizeof said.detail, "%s", detail);
	snprintf(said.hint, sizeof said.hint, "%s", hint);
	size = err->struct_size;
	said.struct_size = size;
	memcpy(err, &said, size < sizeof said ? size : sizeof said);
	return klass;
}

static size_t
on_body(char *data, size_t size, size_t count, void *to)
{
	struct exchange *x = to;
	size_t length = size * count;

	if (buffer_append(&x->body, data, length) == 0)
		return length;
	x->too_large = true;
	return 0;
}

/* A new status line (after 100 Continue or a proxy's CONNECT) begins the headers anew. */
static size_t
on_header(char *data, size_t size, size_t count, void *to)
{
	struct exchange *x = to;
	size_t length = size * count, name, value, end = length;
	char *text;

	if (length >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		x->header_count = 0;
		return length;
	}
	while (end > 0 && (data[end - 1] == '\r' || data[end - 1] == '\n' || data[end - 1] == ' ' || data[end - 1] == '\t'))
		end--;
	for (name = 0; name < end && data[name] != ':'; name++)
		;
	if (name == 0 || name == end)
		return length;
	for (value = name + 1; value < end && (data[value] == ' ' || data[value] == '\t'); value++)
		;
	if (x->header_count >= HEADERS_MAX || (text = arena_copy(&x->arena, data, name)) == NULL) {
		x->failed = true;
		return 0;
	}
	for (char *p = text; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	x->headers[x->header_count].name = text;
	if ((x->headers[x->header_count].value = arena_copy(&x->arena, data + value, end - value)) == NULL) {
		x->failed = true;
		return 0;
	}
	x->header_count++;
	return length;
}

static int
on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t upload_now)
{
	struct exchange *x = data;

	(void)total, (void)now, (void)upload_total, (void)upload_now;
	return x->call != NULL && x->call->cancelled(x->call) != 0;
}

static bool
is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *text) != NULL)
			return false;
	return true;
}

static const char *
bad_request(const struct guest *guest, const struct syncline_http_request *request)
{
	if (request->method == NULL || !is_token(request->method))
		return "the method is not a token";
	if (request->url == NULL || (strncasecmp(request->url, "http://", 7) != 0 && strncasecmp(request->url, "https://", 8) != 0))
		return "the address is neither http nor https";
	for (uint32_t i = 0; i < request->header_count; i++)
		if (request->headers[i].name == NULL || !is_token(request->headers[i].name) || request->headers[i].value == NULL ||
		    strpbrk(request->headers[i].value, "\r\n") != NULL)
			return "a header has no proper name, or a line end in its value";
	if (!guest->writable && strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0 && (request->flags & SYNCLINE_HTTP_READS) == 0)
		return "the system is not writable and the request may write";
	return NULL;
}

static bool
add_header(struct curl_slist **list, struct buffer *line, const char *name, const char *value)
{
	struct curl_slist *more;

	buffer_clear(line);
	/* libcurl's way to send a header without a value. */
	buffer_format(line, value[0] != '\0' ? "%s: %s" : "%s;", name, value);
	if (line->failed || buffer_string(line) == NULL || (more = curl_slist_append(*list, line->data)) == NULL)
		return false;
	*list = more;
	return true;
}

static struct curl_slist *
make_headers(const struct syncline_http_request *request, const struct syncline_call *call, bool *ret_failed)
{
	bool good = true, traced = call == NULL || call->traceparent == NULL;
	struct curl_slist *list = NULL, *more;
	struct buffer line;

	buffer_init(&line, 1024 * 1024);
	for (uint32_t i = 0; i < request->header_count && good; i++) {
		traced = traced || strcasecmp(request->headers[i].name, "traceparent") == 0;
		good = add_header(&list, &line, request->headers[i].name, request->headers[i].value);
	}
	if (good && !traced)
		good = add_header(&list, &line, "traceparent", call->traceparent);
	/* No waiting for 100 Continue, and no type that the connector didn't set. */
	if (good && (more = curl_slist_append(list, "Expect:")) != NULL)
		list = more;
	buffer_free(&line);
	*ret_failed = !good;
	return list;
}

static int64_t
time_left(const struct syncline_http_request *request, const struct syncline_call *call)
{
	const struct guest_call *inner = (const void *)call;
	int64_t left = request->timeout_ms, of_call;

	if (call == NULL || inner->until == 0)
		return left;
	of_call = inner->until - os_monotonic_ms();
	if (of_call < 1)
		of_call = 1;
	return left == 0 || of_call < left ? of_call : left;
}

static void
set_options(CURL *curl, struct exchange *x, const struct syncline_http_request *request, struct curl_slist *headers, int64_t timeout_ms)
{
	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->reason);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	if (timeout_ms > 0)
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	if (strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (request->body.length > 0 || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.length > 0 ? request->body.data : "");
	}
	if (strcmp(request->method, "GET") != 0 || request->body.length > 0)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Was nothing sent?  Then a write certainly didn't happen.  A server that answers rubbish was asked, by whatever name that goes. */
static uint32_t
applied_of(CURLcode code, bool sent)
{
	if (sent)
		return SYNCLINE_APPLIED_MAYBE;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY: case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_CONNECT: case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION: case CURLE_URL_MALFORMAT: case CURLE_UNSUPPORTED_PROTOCOL: case CURLE_SSL_CACERT_BADFILE:
		return SYNCLINE_APPLIED_NO;
	default:
		return SYNCLINE_APPLIED_MAYBE;
	}
}

static uint32_t
judge(CURL *curl, CURLcode code, const struct exchange *x, struct syncline_error *err)
{
	const char *reason = x->reason[0] != '\0' ? x->reason : curl_easy_strerror(code);
	long request_bytes = 0;
	bool sent = curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_bytes) != CURLE_OK || request_bytes > 0;

	if (x->too_large)
		return fail(err, SYNCLINE_PERMANENT, SYNCLINE_APPLIED_MAYBE, "Ask for less at a time.", "the server's answer is larger than allowed", reason);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return fail(err, SYNCLINE_CANCELLED, SYNCLINE_APPLIED_MAYBE, "", "the request was cancelled", reason);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return fail(err, SYNCLINE_CONFIG, SYNCLINE_APPLIED_NO, "Check the server's certificate and the authorities that this machine trusts.",
		            "the server could not prove who it is", reason);
	if (sent && (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY))
		return fail(err, SYNCLINE_RETRY, SYNCLINE_APPLIED_MAYBE, "Check what answers at this address: it is no HTTP server, or something stands before it.",
		            "the answer to the request is none of HTTP", reason);
	if (!sent && (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL))
		return fail(err, SYNCLINE_CONFIG, SYNCLINE_APPLIED_NO, "Check the address in the settings.", "the address of a request is not valid", reason);
	return fail(err, SYNCLINE_RETRY, applied_of(code, sent), "Check that the system is up and can be reached from here.",
	            "the request did not get an answer", reason);
}

static void
fill(CURL *curl, struct exchange *x, struct syncline_http_response *response, int64_t elapsed_us)
{
	struct syncline_http_response full = { .struct_size = sizeof full, .elapsed_us = elapsed_us };
	long status = 0, version = 0;
	uint32_t theirs = response->struct_size;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
	full.status = (uint32_t)status;
	full.http_version = version == CURL_HTTP_VERSION_1_0 ? 10 : version == CURL_HTTP_VERSION_2_0 ? 20 : 11;
	full.headers = x->headers;
	full.header_count = x->header_count;
	full.body.data = x->body.length > 0 ? x->body.data : "";
	full.body.length = x->body.length;
	full.struct_size = theirs;
	memcpy(response, &full, theirs < sizeof full ? theirs : sizeof full);
}

/* The answer's memory is found again by its header list. */
static struct exchange *
exchange_new(const struct syncline_http_request *request, const struct syncline_call *call)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x == NULL || (x->headers = calloc(HEADERS_MAX + 1, sizeof *x->headers)) == NULL) {
		free(x);
		return NULL;
	}
	arena_init(&x->arena, HEADER_BYTES_MAX * 2);
	buffer_init(&x->body, request->response_max > 0 ? request->response_max : RESPONSE_DEFAULT);
	x->call = call;
	x->headers++; /* the place before the first points back */
	x->headers[-1].name = (const char *)x;
	return x;
}

static uint32_t
perform(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_http_request *given,
        struct syncline_http_response *ret_response, struct syncline_error *err)
{
	struct guest *guest = host->host_data;
	struct syncline_http_request request;
	struct curl_slist *headers;
	struct exchange *x;
	const char *fault;
	CURL *curl;
	CURLcode code;
	bool failed;
	int64_t began = os_wall_us();
	uint32_t klass = SYNCLINE_OK;

	if (given == NULL || ret_response == NULL || ret_response->struct_size < offsetof(struct syncline_http_response, elapsed_us))
		return fail(err, SYNCLINE_INTERNAL, SYNCLINE_APPLIED_NO, "", "http/1 was called without a request or room for an answer", "");
	codec_copy_struct(&request, sizeof request, given);
	if ((fault = bad_request(guest, &request)) != NULL)
		return fail(err, SYNCLINE_CONFIG, SYNCLINE_APPLIED_NO, "Check the settings of the system, `writable` among them.", fault, "");
	if ((curl = take_handle(guest)) == NULL)
		return fail(err, SYNCLINE_RETRY, SYNCLINE_APPLIED_NO, "", "the HTTP client could not be started", "");
	x = exchange_new(&request, call);
	headers = make_headers(&request, call, &failed);
	if (x == NULL || failed) {
		klass = fail(err, SYNCLINE_RETRY, SYNCLINE_APPLIED_NO, "", "no memory for a request", "");
	} else {
		set_options(curl, x, &request, headers, time_left(&request, call));
		code = curl_easy_perform(curl);
		if (code != CURLE_OK)
			klass = judge(curl, code, x, err);
		else
			fill(curl, x, ret_response, os_wall_us() - began);
	}
	if (klass != SYNCLINE_OK && x != NULL) {
		x->headers--;
		exchange_free(x);
	}
	curl_slist_free_all(headers);
	return klass;
}

static void
release(const struct syncline_host *host, struct syncline_http_response *response)
{
	struct exchange *x;

	(void)host;
	if (response == NULL || response->headers == NULL)
		return;
	x = (struct exchange *)(uintptr_t)response->headers[-1].name;
	x->headers--;
	exchange_free(x);
	response->headers = NULL;
	response->header_count = 0;
}

const struct syncline_http_service_v1 guest_http_service = { .struct_size = sizeof guest_http_service, .perform = perform, .release = release };
