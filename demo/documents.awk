# SPDX-License-Identifier: BSD-2-Clause
# documents.awk: the invoices of the export as PDF files, one page of text each, below `folder`; run with LC_ALL=C, so that
# lengths are bytes.  Lines of the export are MANDANT;BELEGNR;AUFTRNR;DATUM;BETRAG;PDFDATEI;DMS_ID.
BEGIN { FS = ";" }
function object(text) {
	count++
	at[count] = length(body)
	body = body count " 0 obj\n" text "\nendobj\n"
}
NR > 1 && $6 !~ /^fehlt/ {
	text = "BT /F1 18 Tf 72 760 Td (Rechnung " $2 ") Tj 0 -30 Td /F1 12 Tf (Auftrag " $3 " vom " $4 ") Tj 0 -20 Td (Betrag " $5 " EUR) Tj ET"
	count = 0
	body = "%PDF-1.4\n"
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>")
	object("<< /Length " length(text) " >>\nstream\n" text "\nendstream")
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	name = folder "/" $6
	printf "%sxref\n0 %d\n0000000000 65535 f \n", body, count + 1 > name
	for (i = 1; i <= count; i++)
		printf "%010d 00000 n \n", at[i] > name
	printf "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", count + 1, length(body) > name
	close(name)
}
