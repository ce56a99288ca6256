#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes N customers of 12 columns, about 245 bytes a row, as a German ERP would export them: `make_customers.py N FILE`.

The same N gives the same bytes on every machine; one row in a thousand has something to reject."""
import random
import sys

FIRST = "Anna Bernd Cäcilie Dörte Emil Friedrich Grete Hans Ilse Jürgen Käthe Ludwig Märthe Norbert Olga Paul".split()
LAST = "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter".split()
FORM = ["GmbH", "GmbH & Co. KG", "AG", "e.K.", "OHG", "Handelsgesellschaft mbH"]
TRADE = ["Maschinenbau und Anlagentechnik", "Elektrogroßhandel und Beleuchtung", "Lebensmittelimport Südeuropa",
         "Baustoffe, Fliesen und Sanitär", "Büroeinrichtung und Druckbedarf"]
STREET = ["Hauptstraße", "Am Güterbahnhof", "Industriestraße West", "Lindenallee", "An der Alten Ziegelei"]
CITY = [("Berlin", "D"), ("München", "D"), ("Wien", "A"), ("Zürich", "CH"), ("Köln", "D"), ("Frankfurt am Main", "D"), ("Salzburg", "A")]


def main():
    count, path = int(sys.argv[1]), sys.argv[2]
    rnd = random.Random(20260101)
    choice, number = rnd.choice, rnd.randrange
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write("MANDANT;KUNDENNR;NAME1;NAME2;STRASSE;PLZ;ORT;LAND;UMSATZ;EMAIL;TELEFON;AENDERUNG\r\n")
        lines = []
        for i in range(count):
            first, last, (city, country) = choice(FIRST), choice(LAST), choice(CITY)
            revenue = "%d.%03d,%02d" % (1 + number(900), number(1000), number(100))
            day = "%02d.%02d.%04d" % (1 + number(28), 1 + number(12), 2000 + number(26))
            if i % 1000 == 999:
                day = "30.02.2024"
            lines.append("%d;%08d;%s %s %s;%s %s;%s %d;%05d;%s;%s;%s;%s.%s.%d@Beispiel-Firma.example;+49 30 %07d-%02d;%s\r\n" % (
                100 + 100 * (i & 1), i + 1, choice(TRADE), last, choice(FORM), "z. Hd.", first + " " + last + ", Einkauf Region Mitte",
                choice(STREET), 1 + number(200), number(100000), city, country, revenue,
                first.encode("ascii", "ignore").decode(), last.encode("ascii", "ignore").decode(), i, number(10000000), number(100), day))
            if len(lines) == 10000:
                out.writelines(lines)
                lines.clear()
        out.writelines(lines)


main()
