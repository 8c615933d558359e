"""How many cores this process may use."""


def num_cores() -> int:
    """By its affinity, and by its container's share of time: in one (a Space is one) the machine
    shows all cores of its host, and threads on more than the share only wait for each other."""
    from joblib import cpu_count  # takes a third of a second to import

    return int(cpu_count())
