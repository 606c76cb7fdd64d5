"""What a row claims: a ratio or a figure, the target of it, and whether it was reached.

A ratio is taken round by round (both sides of it within one round), then its median and spread."""

import statistics


def ratio_claim(runs, key, subject, reference, text, limit):
    """`subject ÷ reference`, at most `limit`; None if one of the two was not measured."""
    if not runs.get(subject) or not runs.get(reference):
        return None
    values = [mine[key] / theirs[key] for mine, theirs in zip(runs[subject], runs[reference], strict=True)]
    return claim(text, values, limit, "×")


def better_claim(runs, key, subject, references, text, limit):
    """The same against the better one (by its median) of several."""
    present = [name for name in references if runs.get(name)]
    if not present or not runs.get(subject):
        return None
    best = min(present, key=lambda name: statistics.median(run[key] for run in runs[name]))
    missing = [name for name in references if name not in present]
    note = f"here {best}" + (f"; {', '.join(missing)} not measured" if missing else "")
    return ratio_claim(runs, key, subject, best, f"{text} ({note})", limit)


def claim(text, values, limit, unit, at_least=False):
    """One line: the median of the values against a limit."""
    median = statistics.median(values)
    return {
        "text": text,
        "limit": limit,
        "at_least": at_least,
        "unit": unit,
        "value": median,
        "min": min(values),
        "max": max(values),
        "met": median >= limit if at_least else median <= limit,
    }
