"""Numbers of He et al. 2015 (arXiv 1512.03385) that a lab is held against: CIFAR-10, test error in
percent, one network each but for 110 layers (the best of 5)."""

CLASSES = frozenset(
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
)  # of CIFAR-10; the numbers mean nothing for other pictures
RESIDUAL_ERROR = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43}
RESIDUAL_SOURCE = "the paper's Table 6"
PLAIN_ERROR = {20: 9.5, 32: 10.0, 44: 12.0, 56: 13.5}
PLAIN_SOURCE = "read from the paper's figure 6, which prints no numbers"
NOTE = (
    "Dashes at the right edge: the paper's test errors after 64,000 iterations "
    f"(residual: {RESIDUAL_SOURCE}; plain: {PLAIN_SOURCE})."
)


def marks(classes: list[str] | None) -> dict[str, dict[int, float]]:
    """{plain: {depth: error}, residual: ...}; none when the pictures are not CIFAR-10's."""
    if set(classes or ()) != CLASSES:
        return {"plain": {}, "residual": {}}
    return {"plain": PLAIN_ERROR, "residual": RESIDUAL_ERROR}
