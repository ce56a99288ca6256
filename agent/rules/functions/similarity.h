/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * similarity.h: how alike two texts are (Jaro-Winkler over code points).  Pure functions; any thread.
 */
#ifndef RULES_FUNCTIONS_SIMILARITY_H
#define RULES_FUNCTIONS_SIMILARITY_H

#include <stddef.h>

#define SIMILARITY_CHARACTERS_MAX 1000 /* of each text; what follows is not looked at */

/*
 * Both as unicode_fold() leaves them.  1.0: the same (also when both are empty); 0.0: nothing in common (also when one is
 * empty).  A common beginning of up to four characters counts with a weight of 0.1 each.  -1 without memory.
 */
double similarity_folded(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
