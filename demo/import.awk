# SPDX-License-Identifier: BSD-2-Clause
# import.awk: plays the ERP that takes in what it was handed over: the first file is an import, the second its export; printed is
# the export with the import's cells.  The first two columns are the key, in both.  Enough for the rows of the demo: in those that
# are imported no value holds a semicolon.
BEGIN { FS = OFS = ";" }
{ ended = sub(/\r$/, "") }
FNR == 1 { file++ }
file == 1 && FNR == 1 { for (i = 1; i <= NF; i++) column[i] = $i; next }
file == 1 { for (i = 3; i <= NF; i++) if (column[i] != "") cell[$1, $2, column[i]] = $i; next }
FNR == 1 { for (i = 1; i <= NF; i++) name[i] = $i }
FNR > 1 { for (i = 3; i <= NF; i++) if (($1, $2, name[i]) in cell) $i = cell[$1, $2, name[i]] }
{ printf "%s%s\n", $0, ended ? "\r" : "" }
