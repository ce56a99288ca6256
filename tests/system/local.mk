# Whole runs of the command over real files.
EXTRA_DIST += tests/system/demo.sh tests/system/demo_expect.py tests/system/northwind.sh tests/system/northwind_expect.py tests/system/northwind/conf.d/10-systems.conf \
	tests/system/northwind/conf.d/20-entities.conf tests/system/northwind/conf.d/30-flows.conf

TESTS += tests/system/manual.sh
EXTRA_DIST += tests/system/manual.sh
