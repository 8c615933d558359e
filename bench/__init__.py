"""Measurements, outside the package: `python -m bench NAME`. Times are ratios of paired runs."""
