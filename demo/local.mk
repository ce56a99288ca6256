# The demo: an export with the mistakes that exports have, two more systems, and a configuration that brings them into agreement.
EXTRA_DIST += demo/run.sh demo/documents.awk demo/import.awk demo/crm.sql demo/conf.d/10-systems.conf demo/conf.d/20-entities.conf \
	demo/conf.d/30-flows.conf demo/conf.d/contracts/erp.kunden.conf demo/conf.d/contracts/erp.auftraege.conf demo/conf.d/contracts/erp.belege.conf \
	demo/conf.d/lookups/country.csv demo/export/KUNDEN_20260131.csv demo/export/AUFTRAG_20260131.csv demo/export/RECHNUNG_20260131.csv
