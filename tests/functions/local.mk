# What the rules' functions say, judged by others: Python's decimal, zoneinfo and str, stdnum, email-validator.
check_PROGRAMS += tests/bin/function-verdicts
tests_bin_function_verdicts_SOURCES = tests/functions/verdicts.c
tests_bin_function_verdicts_CPPFLAGS = $(AGENT_CPPFLAGS)
tests_bin_function_verdicts_CFLAGS = $(AGENT_CFLAGS)
tests_bin_function_verdicts_LDADD = librulesfn.a libbase.a $(AGENT_LIBS)

function_oracles = tests/functions/decimals.py tests/functions/zones.py tests/functions/texts.py tests/functions/identifiers.py \
	tests/functions/emails.py
TESTS += $(function_oracles)
EXTRA_DIST += $(function_oracles) tests/functions/oracle.py
