# The functions that rules may call.
noinst_LIBRARIES += librulesfn.a
librulesfn_a_SOURCES = agent/rules/functions.h agent/rules/functions/list.def agent/rules/functions/table.c \
	agent/rules/functions/decimal.c agent/rules/functions/decimal.h \
	agent/rules/functions/unicode.c agent/rules/functions/unicode.h \
	agent/rules/functions/similarity.c agent/rules/functions/similarity.h \
	agent/rules/functions/zone.c agent/rules/functions/zone.h \
	agent/rules/functions/dates.c agent/rules/functions/dates.h \
	agent/rules/functions/regex.c agent/rules/functions/regex.h \
	agent/rules/functions/validate.h agent/rules/functions/email.c agent/rules/functions/iban.c \
	agent/rules/functions/vat.c agent/rules/functions/phone.c \
	agent/rules/functions/register.c agent/rules/functions/sql.h agent/rules/functions/json.h \
	agent/rules/functions/sql_text.c agent/rules/functions/sql_number.c agent/rules/functions/sql_date.c \
	agent/rules/functions/sql_json.c agent/rules/functions/sql_check.c agent/rules/functions/sql_world.c
librulesfn_a_CPPFLAGS = $(AGENT_CPPFLAGS)
librulesfn_a_CFLAGS = $(AGENT_CFLAGS)
dist_man7_MANS += docs/man/syncline-rules.7
EXTRA_DIST += docs/functions.md
