# The helper library: an installed static archive whose objects can go into a shared one.
lib_LIBRARIES += libsyncline-connector.a
libsyncline_connector_a_SOURCES = sdk/lib/error.c sdk/lib/host.c sdk/lib/buffer.c sdk/lib/text.c sdk/lib/time.c sdk/lib/path.c \
	sdk/lib/publish.c
libsyncline_connector_a_CPPFLAGS = $(AM_CPPFLAGS)
libsyncline_connector_a_CFLAGS = $(AM_CFLAGS) -fPIC
