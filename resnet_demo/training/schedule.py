"""Learning rate and picture side over a run, as pure functions of progress in 0..1."""


def lr_at(progress: float, peak: float, warmup: float) -> float:
    """Linear from zero to `peak` in the first `warmup` share of training, then linear to zero."""
    if progress < warmup:
        return peak * progress / warmup
    return peak * (1 - progress) / (1 - warmup)


def px_at(progress: float, start_px: int, px: int) -> int:
    """Side of the training pictures: grows in steps of 16 during the first 40 % of the epochs
    (progressive resizing)."""
    share = min(1.0, progress / 0.4)
    grown = start_px + (px - start_px) * share
    return px if share == 1.0 else min(px, max(start_px, round(grown / 16) * 16))
