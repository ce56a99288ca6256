# The agent: one static library a folder, named lib<folder>.a.  Programs link them from the top of the house down.
include agent/base/local.mk
include agent/os/local.mk
include agent/batch/local.mk
include agent/config/local.mk
include agent/host/local.mk
include agent/rules/functions/local.mk
include agent/rules/local.mk
include agent/ledger/local.mk
include agent/manners/local.mk
include agent/flow/local.mk
include agent/deliver/local.mk
include agent/rehearse/local.mk
include agent/schedule/local.mk
include agent/observe/local.mk
include agent/ctl/local.mk
include agent/daemon/local.mk
include agent/main/local.mk
