/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h: what only the readers of a table need of a stream.
 */
#ifndef CSV_STREAM_H
#define CSV_STREAM_H

#include "csv.h"

/* Rows with another number of columns that span several lines are given up after their first; 0: not known. */
void csv_stream_expect(struct csv_stream *stream, uint32_t columns);
const char *csv_stream_name(const struct csv_stream *stream);

#endif
