/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_explain.c: `syncline explain CODE`. */
#include <stdio.h>

#include "base/text.h"
#include "ctl/load.h"

enum ctl_exit
verb_explain(struct ctl *ctl)
{
	enum error_code code = error_by_name(ctl->operands[0]);
	struct buffer json;

	if (code == ERROR_NONE) {
		const char *names[ERROR_COUNT], *near;
		char hint[128] = "The code stands in brackets behind a message.";
		struct error err;

		for (unsigned i = 0; i < ERROR_COUNT; i++)
			names[i] = error_name((enum error_code)i);
		if ((near = text_nearest(ctl->operands[0], names + 1, ERROR_COUNT - 1)) != NULL)
			snprintf(hint, sizeof hint, "Did you mean `%s`?", near);
		(void)error_set(&err, ERROR_USAGE, hint, "there is no error code `%s`", ctl->operands[0]);
		ctl_say_error(ctl, &err);
		return CTL_USAGE;
	}
	if (!ctl->json) {
		ctl_format("%s: %s (class %s)\n\n%s\n", error_name(code), error_title(code), error_class_name(error_class(code)), error_advice(code));
		return CTL_DONE;
	}
	buffer_init(&json, 0);
	ctl_json_open(&json, NULL, '{');
	ctl_json_text(&json, "code", error_name(code));
	ctl_json_text(&json, "class", error_class_name(error_class(code)));
	ctl_json_text(&json, "title", error_title(code));
	ctl_json_text(&json, "advice", error_advice(code));
	ctl_json_close(&json, '}');
	return ctl_json_print(&json, CTL_DONE);
}
