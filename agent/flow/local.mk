noinst_LIBRARIES += libflow.a
libflow_a_SOURCES = agent/flow/choice.c agent/flow/choice.h agent/flow/convert.c agent/flow/convert.h agent/flow/document.c \
	agent/flow/document.h agent/flow/item.c agent/flow/item.h agent/flow/lookups.c \
	agent/flow/mappings.c agent/flow/mappings.h agent/flow/packing.c agent/flow/packing.h agent/flow/ring.c agent/flow/ring.h agent/flow/systems.c agent/flow/systems.h \
	agent/flow/target.c agent/flow/target.h agent/flow/tests.c agent/flow/tests.h
libflow_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libflow_a_CFLAGS = $(AGENT_CFLAGS)
libflow_a_SOURCES += agent/flow/vector.c agent/flow/vector.h
libflow_a_SOURCES += agent/flow/bound.c agent/flow/bound.h agent/flow/engine.c agent/flow/engine.h agent/flow/world.c agent/flow/world.h
libflow_a_SOURCES += agent/flow/admission.c agent/flow/admission.h agent/flow/root.c agent/flow/root.h agent/flow/ahead.c agent/flow/ahead.h agent/flow/apply.c agent/flow/apply.h agent/flow/apply_bulk.c \
	agent/flow/confirm.c agent/flow/confirm.h agent/flow/confirm_short.c agent/flow/contents.c agent/flow/contents.h agent/flow/exchange.c agent/flow/gone.c \
	agent/flow/guards.c agent/flow/handed.c \
	agent/flow/intake.h agent/flow/lists.c agent/flow/unsure.c \
	agent/flow/lists.h agent/flow/marks.c agent/flow/marks.h agent/flow/match.c agent/flow/merge.c agent/flow/resolve.c agent/flow/rewrite.c \
	agent/flow/rollback.c agent/flow/undo.c agent/flow/undo.h \
	agent/flow/rows.c agent/flow/sides.c agent/flow/twins.c agent/flow/unique.c \
	agent/flow/values.c agent/flow/values.h agent/flow/work.c agent/flow/work_flush.c agent/flow/work.h
libflow_a_SOURCES += agent/flow/read.c agent/flow/read.h agent/flow/read_drift.c agent/flow/read_rejects.c agent/flow/read_sort.c agent/flow/read_stage.c agent/flow/read_turns.c agent/flow/read_twice.c agent/flow/read_units.c
