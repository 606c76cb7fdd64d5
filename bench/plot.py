"""The results as one SVG: the first figure of each row as bars, with the spread over the rounds."""

from html import escape

WIDTH = 760
LABEL = 250
BAR = 16
GAP = 6
COLORS = {"maitred": "#c2410c", "reloading": "#c2410c"}
OTHERS = "#64748b"


def svg(results):
    """The whole picture."""
    parts, top = [], 16
    for record in results["rows"].values():
        drawn, height = row(record, top)
        parts += drawn
        top += height
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>',
        *parts,
        "</svg>",
        "",
    ])


def row(record, top):
    """One group of bars: its elements and its height."""
    key, heading, digits = record["columns"][0]
    bars = {name: summary[key] for name, summary in record["summary"].items()}
    longest = max((values["max"] for values in bars.values()), default=0) or 1
    scale = (WIDTH - LABEL - 90) / longest
    parts = [text(12, top + 10, f"{record['title']}: {heading}", "#0f172a", weight="600")]
    y = top + 22
    for name, values in bars.items():
        color = COLORS.get(name.split("-")[0], OTHERS)
        width, low, high = (max(0.0, values[part]) * scale for part in ("median", "min", "max"))
        parts += [
            text(LABEL - 8, y + 12, record["labels"][name], "#334155", anchor="end"),
            f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>',
            whisker(LABEL + low, LABEL + high, y),
            text(LABEL + max(width, high) + 6, y + 12, f"{values['median']:,.{digits}f}", "#0f172a"),
        ]
        y += BAR + GAP
    return parts, y - top + 14


def whisker(low, high, y):
    """The spread: a line from the smallest to the largest run."""
    path = f"M{low:.1f} {y + BAR // 2}H{high:.1f}M{low:.1f} {y + 4}v8M{high:.1f} {y + 4}v8"
    return f'<path d="{path}" stroke="#0f172a" fill="none"/>'


def text(x, y, words, color, anchor="start", weight="400"):
    return f'<text x="{x:.1f}" y="{y}" fill="{color}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
