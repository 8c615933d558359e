"""How far an accuracy can be trusted. Imports no torch: the page shows it too."""

import math
from statistics import mean, stdev

# Student's t, two-sided 95 %, by degrees of freedom; from 9 on the value of 9, a little too wide
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of the mean of two values or more (Student's t)."""
    width = T95[min(len(values) - 1, max(T95))] * stdev(values) / math.sqrt(len(values))
    return mean(values) - width, mean(values) + width


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
