#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""IBANs and VAT ids against python-stdnum: good ones made with right check digits, bad ones by changing those."""
import re
import sys

sys.dont_write_bytecode = True
import oracle  # noqa: E402

oracle.need("stdnum")
import stdnum.at.uid  # noqa: E402
import stdnum.ch.uid  # noqa: E402
import stdnum.ch.vat  # noqa: E402
import stdnum.eu.vat  # noqa: E402
import stdnum.gb.vat  # noqa: E402
import stdnum.iban  # noqa: E402
from stdnum import numdb  # noqa: E402

dice = oracle.dice()
DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SETS = {"n": DIGITS, "a": LETTERS, "c": DIGITS + LETTERS}


def some(letters, count):
    return "".join(dice.choice(letters) for _ in range(count))


def mutate(text):
    """One slip of the hand."""
    at = dice.randrange(len(text))
    kind = dice.randrange(5)
    if kind == 0:
        return text[:at] + dice.choice(DIGITS) + text[at + 1:]
    if kind == 1:
        return text[:at] + dice.choice(LETTERS) + text[at + 1:]
    if kind == 2:
        return text[:at] + text[at + 1:]
    if kind == 3:
        return text[:at] + dice.choice(DIGITS + LETTERS) + text[at:]
    return text[:at] + text[at + 1:at + 2] + text[at:at + 1] + text[at + 2:]


def iban_oracle(text):
    try:
        return stdnum.iban.validate(text)
    except Exception:
        return None


def iban_known(question, ours, theirs):
    text = re.sub(r"[\s.-]", "", question[1]).upper()
    if ours is None and text[2:4] in ("00", "01", "99"):
        return "check digits 00, 01 and 99 are never given (ISO 13616: 02 to 98)"
    if ours == text and text[:2] == "BE" and stdnum.iban.is_valid(text, check_country=False) and int(text[4:14]) % 97 == int(text[14:]) % 97:
        return "the oracle also has a list of Belgian banks, which ages"
    if ours is not None and text[:2] not in REGISTRY:
        return "countries that joined the registry after this stdnum: " + text[:2]
    return None


REGISTRY = {}
for line in open(numdb.__file__.replace("numdb.py", "iban.dat"), encoding="utf-8"):
    found = re.match(r'([A-Z]{2}) .*bban="([^"]+)"', line)
    if found:
        REGISTRY[found.group(1)] = re.findall(r"(\d+)!([nac])", found.group(2))


def ibans():
    questions = []
    extra = {"FK": [("2", "a"), ("12", "n")], "MN": [("16", "n")], "NI": [("4", "a"), ("20", "n")], "OM": [("3", "n"), ("16", "c")], "SO": [("19", "n")],
             "YE": [("4", "a"), ("4", "n"), ("18", "c")], "HN": [("4", "a"), ("20", "n")], "DJ": [("23", "n")], "RU": [("14", "n"), ("15", "c")]}
    for country, structure in {**extra, **REGISTRY}.items():
        for _ in range(60):
            bban = "".join(some(SETS[kind], int(count)) for count, kind in structure)
            if country == "BE":
                bban = bban[:10] + f"{int(bban[:10]) % 97 or 97:02d}"
            if country == "ME":
                bban = bban[:16] + f"{98 - int(bban[:16] + '00') % 97:02d}"
            if country == "ES":
                from stdnum.es import ccc
                bban = bban[:8] + ccc.calc_check_digits(bban) + bban[10:]
            if country == "NO":
                from stdnum.no import kontonr
                bban = bban[:10] + kontonr._calc_check_digit(bban[:10]) if hasattr(kontonr, "_calc_check_digit") else bban
            text = country + stdnum.iban.calc_check_digits(country + "00" + bban) + bban
            questions += [["iban", text], ["iban", stdnum.iban.format(text)], ["iban", text.lower()], ["iban", mutate(text)],
                          ["iban", mutate(mutate(text))], ["iban", text[:2] + f"{dice.randint(0, 99):02d}" + text[4:]]]
            # Right check digits over a wrong structure.
            wrong = mutate(bban)
            try:
                questions.append(["iban", country + stdnum.iban.calc_check_digits(country + "00" + wrong) + wrong])
            except Exception:
                pass
    questions += [["iban", t] for t in ["", "DE", "XX00", "DE89370400440532013000 ", "DE89 3704 0044 0532 0130 00", "GB29 NWBK 6016 1331 9268 19", "Ä" * 20]]
    return oracle.compare("IBANs", questions, [iban_oracle(q[1]) for q in questions], iban_known)


# Per country: the characters of a number, so that enough of them have right check digits by chance or by search.
SHAPES = {
    "AT": ["U" + "n" * 8], "BE": ["0" + "n" * 9, "1" + "n" * 9, "n" * 10, "n" * 9], "BG": ["n" * 9, "n" * 10], "CY": ["n" * 8 + "a"],
    "CZ": ["n" * 8, "n" * 9, "6" + "n" * 8, "n" * 10, "nn0nnnnnnn", "nn5nnnnnnn"], "DE": ["n" * 9], "DK": ["n" * 8], "EE": ["n" * 9], "EL": ["n" * 9, "n" * 8],
    "ES": ["n" * 8 + "a", "X" + "n" * 7 + "a", "Y" + "n" * 7 + "a", "Z" + "n" * 7 + "a", "K" + "n" * 7 + "a", "A" + "n" * 8, "B" + "n" * 8, "Q" + "n" * 7 + "a",
           "a" + "n" * 8],
    "FI": ["n" * 8], "FR": ["n" * 11, "nn000nnnnnn", "an" + "n" * 9, "na" + "n" * 9, "aa" + "n" * 9], "GB": ["n" * 9, "n" * 12, "GDnnn", "HAnnn", "GD8888nnnnn"],
    "GR": ["n" * 9], "HR": ["n" * 11], "HU": ["n" * 8], "IE": ["n" * 7 + "a", "n" * 7 + "aa", "na" + "n" * 5 + "a", "n+" + "n" * 5 + "a"],
    "IT": ["nnnnnnn0nnn", "nnnnnnn12nn", "n" * 11], "LT": ["n" * 7 + "1n", "n" * 10 + "1n", "n" * 9], "LU": ["n" * 8], "LV": ["n" * 11, "nn0nnnnnnnn"],
    "MT": ["n" * 8], "NL": ["n" * 9 + "B0n", "n" * 9 + "Bnn"], "PL": ["n" * 10], "PT": ["n" * 9],
    "RO": ["n" * 10, "n" * 9, "n" * 8, "n" * 7, "nn", "nnn", "nnn0nnnnnnnnn"], "SE": ["n" * 10 + "01", "n" * 12], "SI": ["n" * 8],
    "SK": ["n" * 10, "nn2nnnnnnn", "nn0nnnnnnn"], "XI": ["n" * 9, "n" * 12],
}


def vat_oracle(text):
    try:
        if text[:2].upper() == "GB":
            return "GB" + stdnum.gb.vat.validate(text)
        found = stdnum.eu.vat.validate(text)
    except Exception:
        return None
    return "EL" + found[2:] if found.startswith("GR") else found


def vat_known(question, ours, theirs):
    if ours is None and theirs and theirs.startswith("BE"):
        if theirs[2] not in "01":
            return "Belgian numbers begin with 0 or 1"
        if theirs.endswith("00"):
            return "Belgian check digits are 01 to 97"
    return None


def good_vat(country, shape):
    """A number of the shape whose check digits are right: the last two places are searched."""
    for _ in range(40):
        text = "".join(some(SETS[c], 1) if c in SETS else c for c in shape)
        if vat_oracle(country + text):
            return text
        if len(shape) > 4:
            for last in SETS.get(shape[-1], shape[-1]):
                if vat_oracle(country + text[:-1] + last):
                    return text[:-1] + last
            for last in range(100):
                if shape.endswith("nn") and vat_oracle(country + text[:-2] + f"{last:02d}"):
                    return text[:-2] + f"{last:02d}"
            if country == "FR":
                for first in DIGITS + LETTERS:
                    for second in DIGITS + LETTERS:
                        if vat_oracle(country + first + second + text[2:]):
                            return first + second + text[2:]
            if country in ("IE", "SE", "NL", "LT"):
                for at in (7, 9, 8):
                    for other in DIGITS + LETTERS:
                        if at < len(text) and vat_oracle(country + text[:at] + other + text[at + 1:]):
                            return text[:at] + other + text[at + 1:]
    return None


def vats():
    questions, made = [], {}
    for country, shapes in SHAPES.items():
        for shape in shapes:
            for _ in range(30 if len(shape) > 5 else 10):
                text = good_vat(country, shape)
                if text is None:
                    continue
                made[country] = made.get(country, 0) + 1
                questions.append(["vat", country + text])
                questions.append(["vat", country.lower() + " " + text[:3] + " " + text[3:].lower()])
                questions += [["vat", country + mutate(text)] for _ in range(4)]
                questions.append(["vat", country + mutate(mutate(text))])
            for _ in range(60):
                questions.append(["vat", country + "".join(some(SETS[c], 1) if c in SETS else c for c in shape)])
    missing = [c for c in SHAPES if made.get(c, 0) < 30]
    if missing:
        print("too few good numbers of", missing)
        return False
    return oracle.compare("VAT ids", questions, [vat_oracle(q[1]) for q in questions], vat_known)


def swiss():
    questions, expected = [], []
    for _ in range(1000):
        number = some(DIGITS, 8)
        text = "CHE" + number + (stdnum.ch.uid.calc_check_digit(number) if dice.random() < 0.6 else some(DIGITS, 1))
        text += dice.choice(["MWST", "TVA", "IVA", "TPV", "", "ZZZ"])
        if dice.random() < 0.3:
            text = mutate(text)
        try:
            right = stdnum.ch.vat.validate(text)
        except Exception:
            right = None
        questions.append(["vat", text])
        expected.append(right)
    return oracle.compare("Swiss VAT numbers", questions, expected)


def with_country():
    """A country beside the number means the same as one before it."""
    questions, expected = [], []
    for country in SHAPES:
        for shape in SHAPES[country]:
            text = good_vat(country, shape)
            if text:
                for number in (text, country + text, mutate(text)):
                    questions.append(["vat", number, country])
                    expected.append((vat_oracle(number) if number.startswith(country) else None) or vat_oracle(country + number))
    return oracle.compare("VAT ids beside a country", questions, expected, vat_known)


oracle.finish([ibans(), vats(), swiss(), with_country()])
