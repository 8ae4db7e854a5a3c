"""Whether two rules could claim the same symptom and neither is the more specific: such rules are refused."""

from __future__ import annotations

from sitectl.healing.policy import Rule, firmware_bounds, like


def overlap(one: Rule, other: Rule) -> bool:
    """Whether a symptom may exist that both claim with the same rank."""
    if one.symptom is not other.symptom or one.specific != other.specific:
        return False
    if one.codes and not one.codes & other.codes:
        return False
    if one.vendor_codes and not one.vendor_codes & other.vendor_codes:
        return False
    mine, its = one.match, other.match
    return (
        _patterns_meet(mine.vendor, its.vendor)
        and _patterns_meet(mine.model, its.model)
        and _firmwares_meet(mine.firmware, its.firmware)
    )


def _patterns_meet(one: str, other: str) -> bool:
    """Whether a text could be like both; where both hold a star and neither is like the other, it is taken to be so
    unless what stands before their first stars, or behind their last, rules it out."""
    if not one or not other or like(one, other) or like(other, one):
        return True
    one, other = one.strip().lower(), other.strip().lower()
    if "*" not in one or "*" not in other:
        return False
    heads = one.split("*")[0], other.split("*")[0]
    tails = one.split("*")[-1], other.split("*")[-1]
    if not (heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])):
        return False
    if not (tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])):
        return False
    # `*Ocular*` and `*Autel*`: a vendor that is called both is not expected; the same word in both is.
    return bool(heads[0] or heads[1] or tails[0] or tails[1])


def _firmwares_meet(one: str, other: str) -> bool:
    bounds = firmware_bounds(one) + firmware_bounds(other)
    if not firmware_bounds(one) or not firmware_bounds(other):
        return _patterns_meet(one, other)
    lows = [(number, sign == ">") for sign, number in bounds if sign in (">", ">=", "==")]
    highs = [(number, sign == "<") for sign, number in bounds if sign in ("<", "<=", "==")]
    if not lows or not highs:
        return True
    (low, low_open), (high, high_open) = max(lows), min(highs, key=lambda bound: (bound[0], not bound[1]))
    length = max(len(low), len(high))
    low, high = low + (0,) * (length - len(low)), high + (0,) * (length - len(high))
    return low < high or (low == high and not low_open and not high_open)
