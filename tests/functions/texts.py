#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Letters, normal forms, dates and likeness against Python's str, unicodedata and datetime, and the definition of Jaro-Winkler."""
import datetime
import sys
import unicodedata

sys.dont_write_bytecode = True
import oracle  # noqa: E402

dice = oracle.dice()


def old(code):
    """Assigned long ago: Python's and the library's tables are of different years."""
    return unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Cs", "Cc", "Co", "Zl", "Zp")


codes = [c for c in range(0x21, 0x10FFFF) if old(c)]
letters = [c for c in codes if unicodedata.category(chr(c)).startswith("L")]


def simple(name, function):
    questions, expected = [], []
    for code in letters:
        mapped = getattr(chr(code), name)()
        if len(mapped) == 1:
            questions.append([name, chr(code)])
            expected.append(mapped)
    return oracle.compare(f"{name}case letters", questions, expected, function)


def newer(question, ours, theirs):
    # Capitals that came after one of the two tables was made.
    if ours is not None and ours != question[1] and theirs == question[1] and not old(ord(ours)):
        return "a case that one of the two tables does not have yet"
    return None


def composed():
    texts = [chr(c) for c in codes if chr(c) != "!"]
    marks = [c for c in codes if unicodedata.combining(chr(c))]
    for _ in range(20000):
        texts.append("".join(chr(dice.choice(letters if dice.random() < 0.4 else marks)) for _ in range(dice.randint(1, 8))))
    for _ in range(2000):
        texts.append(unicodedata.normalize("NFD", "".join(chr(dice.randint(0xAC00, 0xD7A3)) for _ in range(4))))
    return oracle.compare("NFC", [["nfc", t] for t in texts], [unicodedata.normalize("NFC", t) for t in texts])


def folded():
    pairs = {"Müller": "muller", "MÜLLER": "muller", "Straße": "strasse", "STRASSE": "strasse", "  Señor\u00a0 Ñandú ": "senor nandu", "Łódź": "lodz",
             "Ærøskøbing": "aeroskobing", "Œuvre": "oeuvre", "ﬁn": "fin", "ＡＢＣ": "abc", "İstanbul": "istanbul", "Đorđe": "dorde",
             "Ångström": "angstrom", "ΑΘΉΝΑ": "αθηνα", "Москва": "москва", "ёлка": "елка", "が": "が", "का": "का", "한글": "한글", "Þór": "thor"}
    # A second fold changes nothing, and so does the letter case of the text.
    words = ["".join(chr(dice.choice(letters[:1200])) for _ in range(6)) for _ in range(3000)]
    once = oracle.ask([["fold", w] for w in words])
    return [oracle.compare("fold", [["fold", k] for k in pairs], list(pairs.values())), oracle.compare("fold of fold", [["fold", w] for w in once], once)]


def days():
    formats = {"DD.MM.YYYY": "%d.%m.%Y", "YYYYMMDD": "%Y%m%d", "YYYY-MM-DD": "%Y-%m-%d", "DD-MMM-YYYY": "%d-%b-%Y", "MMMM DD, YYYY": "%B %d, %Y",
               "DD/MM/YY": "%d/%m/%y"}
    times = {"DD.MM.YYYY hh:mm:ss": "%d.%m.%Y %H:%M:%S", "YYYYMMDDhhmmss": "%Y%m%d%H%M%S", "MM/DD/YYYY hh:mm A": "%m/%d/%Y %I:%M %p",
               "YYYY-MM-DDThh:mm:ss.f": "%Y-%m-%dT%H:%M:%S.%f"}
    questions, expected = [], []
    for _ in range(6000):
        ours, theirs = dice.choice(list((formats | times).items()))
        moment = datetime.datetime(dice.randint(1970, 2067) if "YYYY" not in ours else dice.randint(1000, 9999), dice.randint(1, 12), dice.randint(1, 28),
                                   dice.randint(0, 23), dice.randint(0, 59), dice.randint(0, 59), dice.choice([0, 1, 500000, 999999]))
        text = moment.strftime(theirs)
        if dice.random() < 0.3:
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice("0123456789. -") + text[at + 1:]
        questions.append(["parse", text, ours])
        try:
            read = datetime.datetime.strptime(text, theirs)
        except ValueError:
            read = None
        # strptime is content with fewer digits and with blanks; ours is not, so what it read must also be what it writes.
        if read is None or read.strftime(theirs.replace("%Y", f"{read.year:04d}")).lower() != text.lower():
            expected.append(None)
        elif ours in formats:
            expected.append(read.date().isoformat())
        else:
            expected.append(read.isoformat() + "Z")
    return oracle.compare("dates read", questions, expected)


def jaro_winkler(a, b):
    if a == b:
        return 1.0
    if not a or not b:
        return 0.0
    window = max(max(len(a), len(b)) // 2 - 1, 0)
    taken, mine = set(), []
    for i, c in enumerate(a):
        for j in range(max(0, i - window), min(len(b), i + window + 1)):
            if j not in taken and b[j] == c:
                taken.add(j)
                mine.append(c)
                break
    if not mine:
        return 0.0
    theirs = [b[j] for j in sorted(taken)]
    m, swapped = len(mine), sum(x != y for x, y in zip(mine, theirs)) // 2
    jaro = (m / len(a) + m / len(b) + (m - swapped) / m) / 3
    prefix = 0
    while prefix < min(4, len(a), len(b)) and a[prefix] == b[prefix]:
        prefix += 1
    return jaro + prefix * 0.1 * (1 - jaro)


def alike():
    # Winkler's published examples, then words at random against the definition.
    known = {("martha", "marhta"): 0.961111111, ("dwayne", "duane"): 0.84, ("dixon", "dicksonx"): 0.813333333}
    questions, expected = [], []
    for (a, b), value in known.items():
        questions.append(["alike", a, b])
        expected.append(f"{value:.9f}")
    for _ in range(5000):
        a = "".join(dice.choice("abcdé ") for _ in range(dice.randint(0, 12)))
        b = "".join(dice.choice("abcdé ") for _ in range(dice.randint(0, 12))) if dice.random() < 0.5 else "".join(dice.sample(a, len(a)))
        questions.append(["alike", a, b])
        expected.append(f"{jaro_winkler(a, b):.9f}")
    return oracle.compare("similarity", questions, expected)


def special(question, ours, theirs):
    if question[1] == "ß" and ours == "SS":
        return "upper('ß') is SS"
    return newer(question, ours, theirs)


oracle.finish([simple("upper", special), simple("lower", newer), composed(), *folded(), days(), alike()])
