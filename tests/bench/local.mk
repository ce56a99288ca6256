# tests/bench
EXTRA_DIST += tests/bench/make_customers.py tests/bench/measure.py
