"""How far an accuracy can be trusted. Imports no torch: the page shows it too."""

import math


def wilson(right: int, total: int) -> tuple[float, float]:
    """95 % interval of a proportion, in percent (Wilson 1927)."""
    if total == 0:
        return 0.0, 100.0
    z = 1.959964
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    scale = 100 / (1 + z * z / total)
    return max(0.0, scale * (centre - spread)), min(100.0, scale * (centre + spread))
