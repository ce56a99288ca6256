/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector.h: the contract between Syncline and a connector.
 *
 * A connector is a shared object that speaks one kind of system's language.  It exports one function,
 * syncline_connector(), without side effects, that returns its descriptor: name, parameters, capabilities, parts, and how to
 * open an instance.  In the order of its life:
 *
 *     syncline_connector()       once, at load: the descriptor
 *     descriptor->open()         one instance per system and credentials
 *     part functions             read, write, find … (part.h), one at a time
 *     descriptor->close()        once
 *
 * The process that loads it serves this one connector alone and never unloads it.  The manual page syncline-connector(3)
 * tells the same as a tutorial; `syncline-connector-check` tests a connector against this header.
 */
#ifndef SYNCLINE_CONNECTOR_H
#define SYNCLINE_CONNECTOR_H

#include "part.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SYNCLINE_PARAM_TEXT 1u
#define SYNCLINE_PARAM_INTEGER 2u
#define SYNCLINE_PARAM_BOOLEAN 3u
#define SYNCLINE_PARAM_DURATION 4u /* "90s", "15m", "24h", "30d"; given to the connector in milliseconds */
#define SYNCLINE_PARAM_SIZE 5u     /* "64KiB", "4MiB"; given in bytes */
#define SYNCLINE_PARAM_CHOICE 6u   /* one of `choices` */
#define SYNCLINE_PARAM_LIST 7u     /* of texts */
#define SYNCLINE_PARAM_PATH 8u     /* an absolute path of a file or folder; the host's cage is opened for it */
#define SYNCLINE_PARAM_URL 9u      /* http or https; the host's cage is opened for its address */
#define SYNCLINE_PARAM_SECRET 10u  /* comes through secret/1 and never as a setting */
#define SYNCLINE_PARAM_TYPE_COUNT 11u

#define SYNCLINE_PARAM_REQUIRED 0x01u
#define SYNCLINE_PARAM_WRITABLE 0x02u /* a PATH that the connector writes to */

#define SYNCLINE_SCOPE_SYSTEM 1u /* in systems.NAME.settings */
#define SYNCLINE_SCOPE_OBJECT 2u /* in systems.NAME.objects.ALIAS.settings */

/*
 * One parameter.  It checks the configuration with file and line, decides what is redacted, and is what
 * `syncline connectors NAME`, the manual page and the sample configuration print.
 */
struct syncline_param {
	uint32_t struct_size;
	uint8_t type;  /* SYNCLINE_PARAM_* */
	uint8_t scope; /* SYNCLINE_SCOPE_* */
	uint16_t flags;
	const char *name;          /* lower case, digits and _ */
	const char *help;          /* a sentence, with the unit */
	const char *default_value; /* as it would stand in the file, without quotes; NULL: none.  A LIST's: separated by commas */
	const char *const *choices; /* CHOICE: ended by NULL */
	int64_t minimum;           /* INTEGER, DURATION (ms), SIZE (bytes): inclusive; no limits when both are 0 */
	int64_t maximum;
};
SYNCLINE_OFFSET(struct syncline_param, name, 8, 8);
SYNCLINE_OFFSET(struct syncline_param, choices, 20, 32);
SYNCLINE_OFFSET(struct syncline_param, minimum, 24, 40);

/*
 * One setting as checked by the host: every parameter that was configured or has a default, and nothing else.
 */
struct syncline_setting {
	uint32_t struct_size;
	uint8_t type; /* SYNCLINE_PARAM_*; never SECRET */
	uint8_t configured; /* non-zero: from the file; zero: the default */
	uint16_t reserved;
	int64_t integer;         /* INTEGER, BOOLEAN (0, 1), DURATION (ms), SIZE (bytes) */
	const char *name;
	const char *text;        /* TEXT, CHOICE, PATH, URL; ended by NUL; "" for the other types */
	const char *const *list; /* LIST */
	uint32_t list_count;
	uint32_t reserved2;
};
SYNCLINE_OFFSET(struct syncline_setting, integer, 8, 8);
SYNCLINE_OFFSET(struct syncline_setting, name, 16, 16);
SYNCLINE_OFFSET(struct syncline_setting, list_count, 28, 40);

struct syncline_settings {
	uint32_t struct_size;
	uint32_t count;
	const struct syncline_setting *items;
};

struct syncline_part {
	const char *id;    /* "source/1" */
	const void *table; /* the struct of that id, static */
};

struct syncline_connector {
	uint32_t struct_size;
	uint16_t abi_major; /* SYNCLINE_ABI_MAJOR as compiled */
	uint16_t abi_minor;
	const char *name;    /* as in `connector = "csv"`: lower case, digits, - */
	const char *version; /* the connector's own */
	const char *summary; /* one line: which systems it speaks to */
	const char *vendor;
	const char *licence; /* an SPDX expression */
	const struct syncline_param *params;
	uint32_t param_count;
	uint32_t part_count;
	const struct syncline_part *parts;
	const struct syncline_capabilities *capabilities;
	/*
	 * Checks what the parameter schema can't, takes the services it needs from `host` (valid until close) and makes an
	 * instance.  Settings are valid until close as well.  Connecting may wait until the first call.
	 */
	uint32_t (*open)(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings,
	                 void **ret_instance, struct syncline_error *err);
	void (*close)(void *instance);
};
SYNCLINE_OFFSET(struct syncline_connector, name, 8, 8);
SYNCLINE_OFFSET(struct syncline_connector, params, 28, 48);
SYNCLINE_OFFSET(struct syncline_connector, parts, 40, 64);
SYNCLINE_OFFSET(struct syncline_connector, close, 52, 88);

/* The one exported function.  The descriptor and all it points to are static. */
#define SYNCLINE_CONNECTOR_SYMBOL "syncline_connector"
SYNCLINE_EXPORT const struct syncline_connector *syncline_connector(void);

#ifdef __cplusplus
}
#endif
#endif
