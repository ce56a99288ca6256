# SPDX-License-Identifier: BSD-2-Clause
# syncline.m4: for connectors that are built with autoconf.  serial 1
#
# SYNCLINE_CONNECTOR([MINIMUM-VERSION])
# -------------------------------------
# Finds the SDK by pkg-config, checks that its contract can be compiled, and sets
#
#   SYNCLINE_CFLAGS, SYNCLINE_LIBS    for compiling and linking a connector
#   SYNCLINE_MODULE_LDFLAGS           for NAME_la_LDFLAGS: a module that exports the one function of the contract
#   syncline_connectordir             where the agent looks for connectors, unless --with-connectordir says otherwise
#   SYNCLINE_CONNECTOR_CHECK          the checker, for TESTS, or empty
#
# Use it behind AC_PROG_CC and LT_INIT, and write
#
#   syncline_connector_LTLIBRARIES = acme.la
#   acme_la_LDFLAGS = -module $(SYNCLINE_MODULE_LDFLAGS)
#
# (automake wants to see -module itself before it takes a name without "lib").
AC_DEFUN([SYNCLINE_CONNECTOR], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
PKG_CHECK_MODULES([SYNCLINE], [syncline-connector >= m4_default([$1], [0.1.0])])
syncline_save_CPPFLAGS=$CPPFLAGS
CPPFLAGS="$CPPFLAGS $SYNCLINE_CFLAGS"
AC_CACHE_CHECK([whether the Syncline contract compiles], [syncline_cv_contract],
  [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <syncline/connector.h>]], [[return SYNCLINE_ABI_MAJOR == 1 ? 0 : 1;]])],
    [syncline_cv_contract=yes], [syncline_cv_contract=no])])
CPPFLAGS=$syncline_save_CPPFLAGS
AS_IF([test "x$syncline_cv_contract" != xyes],
  [AC_MSG_ERROR([syncline/connector.h doesn't compile: C11 or C++17 is needed])])
AC_ARG_WITH([connectordir],
  [AS_HELP_STRING([--with-connectordir=DIR], [where the agent looks for connectors])],
  [syncline_connectordir=$withval],
  [syncline_connectordir=`$PKG_CONFIG --variable=connectordir syncline-connector`])
AC_SUBST([syncline_connectordir])
AC_SUBST([SYNCLINE_MODULE_LDFLAGS], ["-module -avoid-version -shared -export-symbols-regex '^syncline_connector\$\$'"])
AC_PATH_PROG([SYNCLINE_CONNECTOR_CHECK], [syncline-connector-check])
])
