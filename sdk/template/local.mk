# sdk/template: installed as it is; it builds against an installed SDK alone.
templatedir = $(datadir)/syncline/template
template_DATA = sdk/template/Makefile sdk/template/greetings.c
templateautodir = $(templatedir)/autotools
templateauto_DATA = sdk/template/autotools/configure.ac sdk/template/autotools/Makefile.am
EXTRA_DIST += $(template_DATA) $(templateauto_DATA) sdk/template/test-template.sh
TESTS += sdk/template/test-template.sh
