/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_situations_scoped.c: create_if, for web: not with the phone "out".  See flow_situations.h. */
#include "flow_situations.h"

#define DEACTIVATES BINDING("web", "deletes: { do = \"deactivate\"; set = ( [ \"active\", \"0\" ] ); };")
#define ERP_ACCEPTS BINDING("erp", "deletes: { seen = \"accept\"; };")
#define WEB_DELETES BINDING("web", "deletes: { do = \"delete\"; };")
#define OUT AGREED "; crm set 12 phone=out; run; run"

static const struct story stories[] = {
	{ TELL("out_of_scope", "stay", ALL, UPDATE, "it stays linked, and nothing is written"), .at = "web", .given = AGREED, .when = "crm set 12 phone=out; run",
	  .then = { .golden = "n A out g2", .erp = "2 n A out live ..=/=== unseen", .crm = "12 n A out live", .web = "22 n A p live ==!/==! out",
	            .history = "changed crm 12 phone p>out; sent-update erp 2", .counts = "changed 1; sent-updates 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "stay", OWNER | NEWEST | MANUAL, UPDATE, "what changes later is not written either"), .at = "web", .given = OUT,
	  .when = "erp set 2 value=B; run",
	  .then = { .golden = "n B out g3", .erp = "2 n B out live ..=/===", .crm = "12 n B out live unseen", .web = "22 n A p live =!!/=!! out",
	            .history = "changed erp 2 value A>B; sent-update crm 12", .counts = "changed 1; sent-updates 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "stay", ALL, UPDATE, "back in scope, it gets all that it lacks"), .at = "web", .given = OUT, .when = "crm set 12 phone=q; run",
	  .then = { .golden = "n A q g3", .erp = "2 n A q live ..=/=== unseen", .crm = "12 n A q live", .web = "22 n A q live unseen",
	            .history = "changed crm 12 phone out>q; sent-update erp 2; sent-update web 22", .counts = "changed 1; sent-updates 2" } },
	{ TELL("out_of_scope", "stay", OWNER | SET_IF_EMPTY, UPDATE, "it is still read: an edit there is one, and nothing is written back"), .at = "web", .given = OUT,
	  .when = "web set 22 value=C; run",
	  .then = { .golden = "n A out g2", .erp = "2 n A out live ..=/===", .crm = "12 n A out live", .web = "22 n C p live =.!/=!! out",
	            .history = "edit web 22 value A<C restored", .counts = "edits 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "stay", ALL, CREATE, "what is out of scope at first is never created there"), .at = "web", .given = "run",
	  .when = "erp new 2 n A out; run",
	  .then = { .golden = "n A out g1", .erp = "2 n A out live .../===", .crm = "12 n A out live unseen",
	            .history = "created erp 2 number=n value=A phone=out; sent-create crm 12", .counts = "created 1; sent-creates 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "stay", ALL, CREATE, "it comes into scope, and is created"), .at = "web", .given = "erp new 2 n A out; run; run",
	  .when = "crm set 12 phone=q; run",
	  .then = { .golden = "n A q g2", .erp = "2 n A q live ..=/=== unseen", .crm = "12 n A q live", .web = "22 n A q live unseen",
	            .history = "changed crm 12 phone out>q; sent-update erp 2; sent-create web 22", .counts = "changed 1; sent-creates 1; sent-updates 1" } },
	{ TELL("out_of_scope", "stay", ALL, DELETE, "a deletion is for all that is linked"), .at = "web", .config = ERP_ACCEPTS WEB_DELETES, .given = OUT,
	  .when = "erp del 2; run",
	  .then = { .golden = "n A out g3 deleted", .erp = "2 gone tombstone ..=/===", .crm = "12 n A out live", .web = "22 gone tombstone ==!/==!",
	            .history = "gone erp 2; deleted erp 2; sent-delete web 22", .counts = "deleted 1; missing 1; sent-deletes 1" } },

	{ TELL("out_of_scope", "deactivate", ALL, UPDATE, "it is deactivated, once"), .at = "web", .config = DEACTIVATES, .given = AGREED,
	  .when = "crm set 12 phone=out; run",
	  .then = { .golden = "n A out g2", .erp = "2 n A out live ..=/=== unseen", .crm = "12 n A out live", .web = "22 n A p off tombstone ==!/==! out",
	            .history = "changed crm 12 phone p>out; sent-update erp 2; sent-delete web 22", .counts = "changed 1; sent-updates 1; sent-deletes 1" } },
	{ TELL("out_of_scope", "deactivate", OWNER | NEWEST | MANUAL, UPDATE, "what changes later is not written there"), .at = "web", .config = DEACTIVATES,
	  .given = OUT, .when = "erp set 2 value=B; run",
	  .then = { .golden = "n B out g3", .erp = "2 n B out live ..=/===", .crm = "12 n B out live unseen", .web = "22 n A p off tombstone =!!/=!! out",
	            .history = "changed erp 2 value A>B; sent-update crm 12", .counts = "changed 1; ignored 1; sent-updates 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "deactivate", ALL, UPDATE, "back in scope, it is written again where it still is"), .at = "web", .config = DEACTIVATES,
	  .given = OUT, .when = "crm set 12 phone=q; run",
	  .then = { .golden = "n A q g3", .erp = "2 n A q live ..=/=== unseen", .crm = "12 n A q live", .web = "22 n A q off live unseen",
	            .history = "changed crm 12 phone out>q; sent-update erp 2; sent-update web 22", .counts = "changed 1; ignored 1; sent-updates 2" } },
	{ TELL("out_of_scope", "deactivate", ALL, CREATE, "what is out of scope at first is never created there"), .at = "web", .config = DEACTIVATES,
	  .given = "run", .when = "erp new 2 n A out; run",
	  .then = { .golden = "n A out g1", .erp = "2 n A out live .../===", .crm = "12 n A out live unseen",
	            .history = "created erp 2 number=n value=A phone=out; sent-create crm 12", .counts = "created 1; sent-creates 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "deactivate", ALL, DELETE, "what is deactivated is not deactivated again"), .at = "web", .config = ERP_ACCEPTS DEACTIVATES,
	  .given = OUT, .when = "erp del 2; run",
	  .then = { .golden = "n A out g3 deleted", .erp = "2 gone tombstone ..=/===", .crm = "12 n A out live", .web = "22 n A p off tombstone ==!/==! out",
	            .history = "gone erp 2; deleted erp 2", .counts = "deleted 1; ignored 1; missing 1" } },

	{ TELL("out_of_scope", "unlink", ALL, UPDATE, "the link ends"), .at = "web", .given = AGREED, .when = "crm set 12 phone=out; run",
	  .then = { .golden = "n A out g2", .erp = "2 n A out live ..=/=== unseen", .crm = "12 n A out live", .web = "22 n A p unlinked ==!/==!",
	            .history = "changed crm 12 phone p>out; sent-update erp 2; unlinked web 22", .counts = "changed 1; sent-updates 1" } },
	{ TELL("out_of_scope", "unlink", ALL, UPDATE, "back in scope, it is not linked again by itself"), .at = "web", .given = OUT, .when = "crm set 12 phone=q; run",
	  .then = { .golden = "n A q g3", .erp = "2 n A q live ..=/=== unseen", .crm = "12 n A q live", .web = "22 n A p unlinked ==!/==!",
	            .history = "changed crm 12 phone out>q; sent-update erp 2" } },
	{ TELL("out_of_scope", "unlink", ALL, CREATE, "what is out of scope at first is never created there"), .at = "web", .given = "run",
	  .when = "erp new 2 n A out; run",
	  .then = { .golden = "n A out g1", .erp = "2 n A out live .../===", .crm = "12 n A out live unseen",
	            .history = "created erp 2 number=n value=A phone=out; sent-create crm 12", .counts = "created 1; sent-creates 1; out-of-scope 1" } },
	{ TELL("out_of_scope", "unlink", ALL, DELETE, "what is not linked any more is not deleted"), .at = "web", .config = ERP_ACCEPTS WEB_DELETES, .given = OUT,
	  .when = "erp del 2; run",
	  .then = { .golden = "n A out g3 deleted", .erp = "2 gone tombstone ..=/===", .crm = "12 n A out live", .web = "22 n A p unlinked ==!/==!",
	            .history = "gone erp 2; deleted erp 2", .counts = "deleted 1; ignored 1; missing 1" } },
};

const struct table situations_scoped = { "records that are not meant for a system", stories, sizeof stories / sizeof *stories };
