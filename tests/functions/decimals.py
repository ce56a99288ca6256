#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Decimals against Python's decimal module, which follows IEEE 754 and the General Decimal Arithmetic specification."""
import decimal
from decimal import Decimal
import sys

sys.dont_write_bytecode = True
import oracle  # noqa: E402

decimal.getcontext().prec = 4000
decimal.getcontext().Emax = 99999
decimal.getcontext().Emin = -99999
MODES = {"half_up": decimal.ROUND_HALF_UP, "half_even": decimal.ROUND_HALF_EVEN, "half_down": decimal.ROUND_HALF_DOWN, "up": decimal.ROUND_UP,
         "down": decimal.ROUND_DOWN, "ceiling": decimal.ROUND_CEILING, "floor": decimal.ROUND_FLOOR}
dice = oracle.dice()


def number():
    whole = dice.choice([1, 1, 2, 5, 9, 10, 18, 19, 40, dice.randint(1, 500)])
    scale = dice.choice([0, 0, 1, 2, 2, 3, 8, 9, 10, dice.randint(1, 400)])
    digit = dice.choice(["0123456789", "09", "059", "0005", "9"])
    text = "".join(dice.choice(digit) for _ in range(whole))
    if scale:
        text += "." + "".join(dice.choice(digit) for _ in range(scale))
    return dice.choice(["", "-"]) + text


def text_of(value):
    sign, digits, exponent = value.as_tuple()
    if exponent > 0:
        digits, exponent = digits + (0,) * exponent, 0
    scale = -exponent
    digits = "".join(map(str, digits)).lstrip("0")
    if len(digits) > 1000 or scale > 1000:
        return None
    digits = digits.rjust(scale + 1, "0")
    text = digits[:len(digits) - scale] + ("." + digits[len(digits) - scale:] if scale else "")
    return ("-" if sign and value != 0 else "") + text


questions, expected = [], []
for _ in range(30000):
    a, b = number(), number()
    if dice.random() < 0.2:
        b = a if dice.random() < 0.5 else a + ("0" if "." in a else ".0")
    op = dice.choice(["add", "sub", "mul", "cmp", "div", "div", "round", "round"])
    if op == "round":
        scale, mode = dice.choice([dice.randint(-6, 12), dice.randint(-300, 300)]), dice.choice(list(MODES))
        value = Decimal(a).quantize(Decimal((0, (1,), -scale)), rounding=MODES[mode])
        questions.append([op, a, str(scale), mode])
        expected.append(text_of(value))
    elif op == "div":
        scale, mode = dice.choice([0, 2, 2, 4, 10, dice.randint(0, 300)]), dice.choice(list(MODES))
        questions.append([op, a, b, str(scale), mode])
        if Decimal(b) == 0:
            expected.append(None)
            continue
        # Exact, by integers: divmod first, then one decision.
        x, y = Decimal(a), Decimal(b)
        top, bottom = x.as_integer_ratio(), y.as_integer_ratio()
        n, d = top[0] * bottom[1] * 10 ** scale, top[1] * bottom[0]
        if d < 0:
            n, d = -n, -d
        whole, rest = divmod(abs(n), d)
        negative = n < 0
        half = (2 * rest > d) - (2 * rest < d)
        up = rest != 0 and {"half_up": half >= 0, "half_even": half > 0 or (half == 0 and whole % 2 == 1), "half_down": half > 0, "up": True,
                            "down": False, "ceiling": not negative, "floor": negative}[mode]
        whole += up
        expected.append(text_of(Decimal((int(negative), tuple(map(int, str(whole))), -scale))))
    elif op == "cmp":
        questions.append([op, a, b])
        expected.append(str((Decimal(a) > Decimal(b)) - (Decimal(a) < Decimal(b))))
    else:
        value = {"add": Decimal.__add__, "sub": Decimal.__sub__, "mul": Decimal.__mul__}[op](Decimal(a), Decimal(b))
        questions.append([op, a, b])
        expected.append(text_of(value))
for bad in ["", "-", "1.", ".5", "1e5", "+1", " 1", "1,5", "0x1", "1.2.3", "9" * 1001, "0." + "1" * 1001, "NaN", "--1"]:
    questions.append(["add", bad, "1"])
    expected.append(None)
oracle.finish([oracle.compare("decimals", questions, expected)])
