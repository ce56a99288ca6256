#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""E-mail addresses against python-email-validator, which follows RFC 5322, RFC 6531 and IDNA 2008 (no domain is looked up)."""
import sys
sys.dont_write_bytecode = True
import oracle  # noqa: E402

oracle.need("email_validator")
import email_validator  # noqa: E402

# Names such as example.test are refused by the oracle since they never receive mail; that is no question of form.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
dice = oracle.dice()
ATOM = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789"
SIGNS = "!#$%&'*+-/=?^_`{|}~"
OTHER = "äöüßéñçøåłžščřйжшαβγδ日本語한글"
TOPS = ["com", "de", "org", "info", "co.uk", "museum", "xn--p1ai", "travel", "io", "gmbh"]


def word(letters, low, high):
    return "".join(dice.choice(letters) for _ in range(dice.randint(low, high)))


def local():
    letters = dice.choice([ATOM, ATOM, ATOM + SIGNS, ATOM + OTHER])
    return ".".join(word(letters, 1, dice.choice([3, 10, 30])) for _ in range(dice.randint(1, 3)))


def domain():
    labels = []
    for _ in range(dice.randint(1, 3)):
        label = word(ATOM, 1, dice.choice([5, 20, 63]))
        if len(label) > 3 and dice.random() < 0.3:
            label = label[0] + "-" + label[2:]
        labels.append(label)
    if dice.random() < 0.1:
        labels[0] = word("äöüéñçøå", 2, 8)
    return ".".join(labels + [dice.choice(TOPS)])


def mutate(text):
    at = dice.randrange(len(text))
    return text[:at] + dice.choice(["", "@", ".", "..", " ", "-", "(", ")", "\"", ",", ";", ":", "<", ">", "[", "\\", "_", "0"]) + text[at + dice.randint(0, 1):]


def judge(text):
    try:
        email_validator.validate_email(text, check_deliverability=False)
        return "yes"
    except email_validator.EmailNotValidError:
        return None


def known(question, ours, theirs):
    local_part, _, domain_part = question[1].rpartition("@")
    if ours is None and theirs and len(local_part.encode()) > 64:
        return "more than 64 octets before the @ (RFC 6531 counts octets, the oracle characters)"
    if ours == "yes" and any(ord(c) > 127 for c in domain_part):
        return "a domain of other scripts that IDNA would refuse"
    if ours is None and theirs and len(domain_part.rpartition(".")[2]) < 2:
        return "a top-level domain of one letter"
    if ours == "yes" and "xn--" in domain_part.lower():
        return "an xn-- label is not decoded"
    return None


fixed = ["simple@example.com", "very.common@example.com", "a@b.co", "x@y", "@example.com", "a@", "a b@example.com", "a@b..com", ".a@b.com", "a.@b.com", "a..b@c.com",
         "a@-b.com", "a@b-.com", "a@b.c", "a@[1.2.3.4]", "a@1.2.3.4", "\"a b\"@example.com", "a@example.com.", "a" * 64 + "@example.com", "a" * 65 + "@example.com",
         "a@" + "b" * 63 + ".com", "a@" + "b" * 64 + ".com", "müller@example.com", "a@münchen.de", "用户@例子.广告", "a@b_c.com", "a,b@c.com", "a@b@c.com", "a@b.123",
         "a@" + ".".join(["b" * 60] * 4) + ".com", "a@" + ".".join(["b" * 60] * 5) + ".com", "a+b@c.com", "o'hara@example.ie", "a@b.c-d", "a@b.1a", "a@b.a1", "plain", ""]
addresses = list(fixed)
for _ in range(6000):
    address = local() + "@" + domain()
    addresses.append(address)
    addresses.append(mutate(address))
addresses = [a for a in addresses if a == a.strip() and "\t" not in a]
expected = [judge(a) for a in addresses]
answers = oracle.ask([["email", a] for a in addresses])
wrong, reasons = [], {}
for address, ours, theirs in zip(addresses, answers, expected):
    verdict = None if ours is None else "yes"
    if verdict != theirs:
        reason = known(["email", address], verdict, theirs)
        reasons[reason] = reasons.get(reason, 0) + 1
        if reason is None:
            wrong.append((address, ours, theirs))
print(f"e-mail addresses: {len(addresses)} values, {sum(e is not None for e in expected)} good; {len(wrong)} disagreements")
for reason, times in reasons.items():
    if reason:
        print(f"  {times} on purpose: {reason}")
for address, ours, theirs in wrong[:20]:
    print(f"  {address!r}: ours {ours!r}, the oracle's {theirs!r}")
forms = oracle.compare("e-mail forms", [["email", " Info@EXAMPLE.Com\u00a0"], ["email", "Ä.B@MÜNCHEN.de"]], ["Info@example.com", "Ä.B@münchen.de"])
oracle.finish([not wrong, forms])
