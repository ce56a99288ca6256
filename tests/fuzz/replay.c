/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c: the main() of a fuzz target that is built without a fuzzer.  It gives every file named on the command line, and
 * every file in the folders named there, to LLVMFuzzerTestOneInput.  Without arguments it takes the seeds that belong to its
 * own name: replay-batch replays tests/fuzz/seeds/batch.  `make check` runs it so, with whatever sanitizers are on; a finding
 * of a fuzzer is put among the seeds and so stays fixed.  One process, one thread.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int
fail(const char *path, const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", path, what);
	return -1;
}

/* The input is copied to memory of exactly its size, so that a sanitizer sees a read beyond its end. */
static int
replay_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size > 0 ? size : 1);
	FILE *file = fopen(path, "rb");
	int result = -1;

	if (data == NULL || file == NULL) {
		fail(path, strerror(errno));
	} else if (fread(data, 1, size, file) != size) {
		fail(path, "could not be read whole");
	} else {
		fprintf(stderr, "replay: %s (%zu bytes)\n", path, size);
		LLVMFuzzerTestOneInput(data, size);
		replayed++;
		result = 0;
	}
	if (file != NULL)
		fclose(file);
	free(data);
	return result;
}

static int replay_path(const char *path);

static int
replay_folder(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	int result = 0;

	if (count < 0)
		return fail(path, strerror(errno));
	for (int i = 0; i < count; i++) {
		size_t size = strlen(path) + strlen(entries[i]->d_name) + 2;
		char *inner = entries[i]->d_name[0] != '.' ? malloc(size) : NULL;

		if (inner != NULL) {
			snprintf(inner, size, "%s/%s", path, entries[i]->d_name);
			if (replay_path(inner) != 0)
				result = -1;
			free(inner);
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int
replay_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return fail(path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return replay_folder(path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_MAX)
		return fail(path, "not a file of at most 64 MiB");
	return replay_file(path, (size_t)st.st_size);
}

static int
replay_own_seeds(const char *program)
{
	const char *source = getenv("SYNCLINE_SOURCE"), *name = strrchr(program, '/');
	char path[4096];

	name = strstr(name != NULL ? name : program, "replay-");
	if (source == NULL || name == NULL)
		return fail(program, "name files or folders, or set SYNCLINE_SOURCE to the source tree");
	snprintf(path, sizeof path, "%s/tests/fuzz/seeds/%s", source, name + strlen("replay-"));
	return replay_path(path);
}

int
main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 2)
		failed = replay_own_seeds(argv[0]) != 0;
	for (int i = 1; i < argc; i++)
		failed |= replay_path(argv[i]) != 0;
	if (replayed == 0)
		failed = fail(argv[0], "no seed was found") != 0;
	printf("%u seeds replayed\n", replayed);
	return failed ? 1 : 0;
}
