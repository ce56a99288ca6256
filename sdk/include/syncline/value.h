/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.h: values, fields and records as a connector gives them to a batch and finds them in one.
 *
 * A value is absent (the source did not say: it never changes anything), null (the source says that there is none), or a
 * value.  A value that no rule touches leaves with the digits and bytes that it came with: a connector hands numbers on as
 * decimal text rather than through a double, and rejects what it can't read exactly.
 */
#ifndef SYNCLINE_VALUE_H
#define SYNCLINE_VALUE_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SYNCLINE_TYPE_ABSENT 0u
#define SYNCLINE_TYPE_NULL 1u
#define SYNCLINE_TYPE_BOOLEAN 2u   /* u.integer: 0 or 1 */
#define SYNCLINE_TYPE_INTEGER 3u   /* u.integer */
#define SYNCLINE_TYPE_DECIMAL 4u   /* u.data: its text, -?digits[.digits], at least one digit on either side of the point, no exponent, no blank; at most 1,000 bytes */
#define SYNCLINE_TYPE_TEXT 5u      /* u.data: UTF-8 without NUL */
#define SYNCLINE_TYPE_BYTES 6u     /* u.data: any bytes */
#define SYNCLINE_TYPE_TIMESTAMP 7u /* u.integer: microseconds since 1970-01-01T00:00:00Z, years 0001 to 9999 */
#define SYNCLINE_TYPE_DATE 8u      /* u.integer: days since 1970-01-01, proleptic Gregorian, years 0001 to 9999 */
#define SYNCLINE_TYPE_JSON 9u      /* u.data: the text of one JSON value (RFC 8259), its numbers with their own digits */
#define SYNCLINE_TYPE_CONTENT 10u  /* u.data: text, a reference that the same connector's content/1 opens; see part.h */
#define SYNCLINE_TYPE_COUNT 11u

/* Never more than SYNCLINE_RECORD_MAX bytes in all the values of one record; documents travel as content. */
#define SYNCLINE_RECORD_MAX (4u * 1024u * 1024u)
#define SYNCLINE_FIELDS_MAX 4096u
#define SYNCLINE_NAME_MAX 255u /* bytes of a field's or object's name, without the NUL */

struct syncline_value {
	uint8_t type;      /* SYNCLINE_TYPE_* */
	uint8_t flags;     /* 0 */
	uint16_t reserved; /* 0 */
	uint32_t length;   /* bytes at u.data; 0 for the types that use u.integer */
	union {
		int64_t integer;
		const void *data; /* may be NULL when length is 0 */
	} u;
};
SYNCLINE_STATIC_ASSERT(sizeof(struct syncline_value) == 16, "a value has 16 bytes");
SYNCLINE_OFFSET(struct syncline_value, u, 8, 8);

#define SYNCLINE_FIELD_KEY 0x01u         /* part of the native id */
#define SYNCLINE_FIELD_REQUIRED 0x02u    /* a create without it is refused by the system */
#define SYNCLINE_FIELD_READ_ONLY 0x04u   /* computed or assigned by the system */
#define SYNCLINE_FIELD_CREATE_ONLY 0x08u /* may be set at creation and never again */
#define SYNCLINE_FIELD_UNIQUE 0x10u      /* no two records have the same value */
#define SYNCLINE_FIELD_SENSITIVE 0x20u   /* personal data: never in a log line */
#define SYNCLINE_FIELD_MARK 0x40u        /* usable as a mark for delta reads */

struct syncline_field {
	uint32_t struct_size;
	uint8_t type; /* SYNCLINE_TYPE_*, ABSENT: each record's value says it */
	uint8_t flags;
	uint16_t scale;      /* decimals: digits after the point, 65535: not said */
	uint32_t max_length; /* characters of text, 0: not said */
	uint32_t reserved;
	const char *name;  /* the native name, UTF-8, unique in its object, 1 to SYNCLINE_NAME_MAX bytes */
	const char *label; /* what people call it, or NULL */
};
SYNCLINE_OFFSET(struct syncline_field, name, 16, 16);
SYNCLINE_OFFSET(struct syncline_field, label, 20, 24);
#define SYNCLINE_SCALE_UNKNOWN 65535u

/* What a record in a batch says. */
#define SYNCLINE_OP_SEEN 1u    /* reading: the record as it is now (or the fields of it that the source said) */
#define SYNCLINE_OP_DELETED 2u /* reading: the system says that the record is gone; only native_id counts */
#define SYNCLINE_OP_REJECT 3u  /* reading: a row that can't be read; note says why, native_id is set if it could be read */
#define SYNCLINE_OP_CREATE 4u  /* writing */
#define SYNCLINE_OP_UPDATE 5u  /* writing: absent values stay as they are at the target */
#define SYNCLINE_OP_DELETE 6u  /* writing: native_id says which */
#define SYNCLINE_OP_COUNT 7u

/*
 * One record, for adding to a batch and for reading from one.
 *
 * native_id is the id by which the system itself knows the record: text, of one field or of several joined by the host's
 * rule (see syncline_batch_service_v1.join_key).  version is whatever the system offers for optimistic locking.  tenant is
 * the value that says whose record this is.  Any of these may be absent.
 */
struct syncline_record {
	uint32_t struct_size;
	uint8_t op; /* SYNCLINE_OP_* */
	uint8_t flags;
	uint16_t reserved;
	uint32_t value_count; /* at most the fields of the batch; those beyond are absent */
	uint32_t reserved2;
	uint64_t place;                  /* where in the batch's origin: a line of a file, a rowid, a position in a page; 0: not said */
	struct syncline_value native_id; /* TEXT or ABSENT */
	struct syncline_value version;   /* TEXT or ABSENT; writing: expected at the target */
	struct syncline_value tenant;    /* TEXT or ABSENT */
	struct syncline_value note;      /* REJECT: TEXT, why and what to do.  CREATE, UPDATE, DELETE: BYTES, the attempt's 16-byte key */
	const struct syncline_value *values; /* in the order of the batch's fields */
};
SYNCLINE_OFFSET(struct syncline_record, place, 16, 16);
SYNCLINE_OFFSET(struct syncline_record, native_id, 24, 24);
SYNCLINE_OFFSET(struct syncline_record, values, 88, 88);

#ifdef __cplusplus
}
#endif
#endif
