/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.h: what crash-serve takes from the programs that it is in turn.  In those programs themselves these are what their main() is, or runs
 * before it.
 */
#ifndef TESTS_CRASH_SERVE_H
#define TESTS_CRASH_SERVE_H

int syncline_main(int argc, char **argv);
int ledger_check_main(int argc, char **argv);
void agent_faults_set_up(void);
void host_faults_set_up(void);

#endif
