"""Colours in one place: of the page, of its charts and of what is drawn for reports.

Residual is blue and plain is orange everywhere. Text is at least 4.5 to 1 on its ground, lines of
charts 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11).
"""

# name: (light, dark)
PALETTE = {
    "ink": ("#171a1f", "#e8eaed"),
    "muted": ("#5c6573", "#a3acb9"),
    "line": ("#e4e7ec", "#2b3038"),
    "ground": ("#f7f8fa", "#0f1115"),
    "card": ("#ffffff", "#171a20"),
    "inset": ("#f2f4f7", "#1f232b"),
    "residual": ("#2458c5", "#7aa5ff"),
    "plain": ("#b04e14", "#f0a06a"),
    "good": ("#147a48", "#5bd39a"),
    "bad": ("#b42318", "#ff8f85"),
    "soft": ("#eef3fd", "#1b2740"),
    "accent": ("#2458c5", "#2f63d0"),  # behind white text
    # lines of a chart: three of a kind told apart, and the paler of a pair
    "residual-1": ("#2b6cb0", "#6fa8ec"),
    "residual-2": ("#0f8a72", "#3fc2a6"),
    "residual-3": ("#7c4dbd", "#b08cf0"),
    "residual-pale": ("#4a8fdb", "#b9d6fb"),
    "plain-1": ("#c05621", "#f0934a"),
    "plain-2": ("#94740a", "#dcb440"),
    "plain-3": ("#b83280", "#ea77b4"),
    "plain-pale": ("#dd6b20", "#fbd3ac"),
}
# Of networks of a lab, from the shallowest: the deeper, the stronger.
DEPTHS = {
    "residual": (
        ("#7fb5ee", "#4f94de", "#2b6cb0", "#225391", "#1e3a8a"),
        ("#2b6cb0", "#3d85cf", "#5a9fe6", "#7fb5ee", "#a3cdf7"),
    ),
    "plain": (
        ("#f6ad55", "#ed8936", "#c05621", "#9c4221", "#7b341e"),
        ("#c05621", "#dd6b20", "#ed8936", "#f6ad55", "#fbc98a"),
    ),
}
FONT = "system-ui, sans-serif"
TITLE_SIZE = "14px"


def colour(name: str, dark: bool) -> str:
    return PALETTE[name][dark]
