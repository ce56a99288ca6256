/* SPDX-License-Identifier: BSD-2-Clause */
/* marks.h: which targets lack something of a record.  Private to agent/flow. */
#ifndef FLOW_MARKS_H
#define FLOW_MARKS_H

#include "flow/work.h"

/*
 * Marks for delivery, when a record was changed, deleted or restored, or a link of it was touched.  `changed`: values did;
 * `state`: it was deleted or came back.
 */
int marks_of_record(struct work *work, struct work_record *record, bool changed, bool state, struct error *err);

/*
 * Does a link lack something of its record?  sent differs and what the system shows differs too: a target that already shows
 * the value lacks nothing, whatever was sent.
 */
static inline bool
marks_lacks(const uint64_t *sent, const uint64_t *seen, const uint64_t *words, uint32_t word)
{
	return sent[word] != words[word] && seen[word] != words[word];
}

#endif
