/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * no-http.c: stands in for libcurl in the programs of the crash tests, which are started a million times and never speak HTTP: loading it
 * and the forty libraries behind it takes longer than a whole run.  Never installed.
 */
#include <stddef.h>

#include <curl/curl.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

CURLcode
curl_global_init(long flags)
{
	(void)flags;
	return CURLE_OK;
}

CURL *
curl_easy_init(void)
{
	return NULL;
}

void
curl_easy_reset(CURL *curl)
{
	(void)curl;
}

void
curl_easy_cleanup(CURL *curl)
{
	(void)curl;
}

CURLcode
curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	(void)curl;
	(void)option;
	return CURLE_FAILED_INIT;
}

CURLcode
curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	(void)curl;
	(void)info;
	return CURLE_FAILED_INIT;
}

CURLcode
curl_easy_perform(CURL *curl)
{
	(void)curl;
	return CURLE_FAILED_INIT;
}

const char *
curl_easy_strerror(CURLcode code)
{
	(void)code;
	return "there is no HTTP here";
}

struct curl_slist *
curl_slist_append(struct curl_slist *list, const char *line)
{
	(void)list;
	(void)line;
	return NULL;
}

void
curl_slist_free_all(struct curl_slist *list)
{
	(void)list;
}
