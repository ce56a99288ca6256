# The rules of the house that no compiler checks.
dist_check_SCRIPTS += tests/house/arrows.sh
TESTS += tests/house/arrows.sh
