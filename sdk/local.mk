# The contract and all that a vendor needs.
synclineincludedir = $(includedir)/syncline
synclineinclude_HEADERS = sdk/include/syncline/abi.h sdk/include/syncline/value.h sdk/include/syncline/service.h \
	sdk/include/syncline/part.h sdk/include/syncline/connector.h sdk/include/syncline/helper.h
pkgconfig_DATA = sdk/syncline-connector.pc
include sdk/lib/local.mk
include sdk/template/local.mk
include sdk/checker/local.mk
m4datadir = $(datadir)/aclocal
dist_m4data_DATA = sdk/m4/syncline.m4
dist_man3_MANS += sdk/syncline-connector.3
EXTRA_DIST += sdk/test-manual.sh sdk/test-abi.sh
TESTS += sdk/test-manual.sh sdk/test-abi.sh
