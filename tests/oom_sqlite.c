/* SPDX-License-Identifier: BSD-2-Clause */
/* oom_sqlite.c: see oom_sqlite.h.  A block knows its size. */
#include "oom_sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LINKER_WRAP
void *__real_malloc(size_t size);
#else
#define __real_malloc malloc
#endif

#define HEAD 16

int oom_sqlite_quiet;

static void *
block_malloc(int size)
{
	size_t all = (size_t)size + HEAD;
	char *raw = oom_sqlite_quiet ? __real_malloc(all) : malloc(all);

	if (raw == NULL)
		return NULL;
	memcpy(raw, &size, sizeof size);
	return raw + HEAD;
}

static void
block_free(void *block)
{
	if (block != NULL)
		free((char *)block - HEAD);
}

static int
block_size(void *block)
{
	int size = 0;

	if (block != NULL)
		memcpy(&size, (char *)block - HEAD, sizeof size);
	return size;
}

/* A new block each time: so none that grows is passed from the test's own use to the program's or back. */
static void *
block_realloc(void *block, int size)
{
	void *more = block_malloc(size);

	if (more != NULL && block != NULL) {
		memcpy(more, block, (size_t)(block_size(block) < size ? block_size(block) : size));
		block_free(block);
	}
	return more;
}

static int
block_round(int size)
{
	return (size + 7) & ~7;
}

static int
block_init(void *data)
{
	return data == NULL ? SQLITE_OK : SQLITE_ERROR;
}

static void
block_shutdown(void *data)
{
	(void)data;
}

int
oom_sqlite_begin(void)
{
	static const sqlite3_mem_methods methods = { block_malloc, block_free, block_realloc, block_size, block_round, block_init, block_shutdown,
		                                     NULL };

	return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK && sqlite3_initialize() == SQLITE_OK ? 0 : -1;
}
