"""config.json as timm writes it beside weights: plain values, each checked before it is used."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resnet_demo.errors import UserError
from resnet_demo.models.weights import MOST_CLASSES

CONFIG = "config.json"
CONFIG_BYTES = 2**22


def read_config(path: Path, reference: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > CONFIG_BYTES:
            raise ValueError("too large")
        given = json.loads(path.read_text(), parse_constant=refuse_constant)
        whole = isinstance(given, dict) and (
            given.get("pretrained_cfg") is None or isinstance(given["pretrained_cfg"], dict)
        )
    except (OSError, ValueError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"The {CONFIG} of {reference} is damaged: it is no JSON object.")
    return given


def refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and infinity


def is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= MOST_CLASSES


def is_number(low: float, high: float) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low < value <= high
    )


def is_triple(low: float, high: float) -> Callable[[object], bool]:
    inside = is_number(low, high)
    return lambda value: isinstance(value, list) and len(value) == 3 and all(map(inside, value))


def is_side(value: object) -> bool:
    """[3, px, px]"""
    if not isinstance(value, list) or [type(part) for part in value] != [int] * 3:
        return False
    return value[0] == 3 and value[1] == value[2] and 16 <= value[1] <= 1024


def one_of(*names: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in names


PREPROCESSING: dict[str, Callable[[object], bool]] = {
    "input_size": is_side,
    "test_input_size": is_side,
    "mean": is_triple(-10, 10),
    "std": is_triple(1e-4, 100),
    "crop_pct": is_number(0.05, 2),
    "test_crop_pct": is_number(0.05, 2),
    "interpolation": one_of("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"),
    "crop_mode": one_of("center", "squash", "border"),
    "pool_size": lambda value: isinstance(value, list),  # not used here
}
IGNORED = {"pool_size"}
ABSENT_MEANS_NONE = {"test_input_size", "test_crop_pct"}


def preprocessing(pretrained: dict[str, Any], reference: str) -> dict[str, Any]:
    """What timm uses of `pretrained_cfg` to prepare pictures. An absent test side stays absent: the
    architecture's own default is not the author's."""
    settings: dict[str, Any] = dict.fromkeys(ABSENT_MEANS_NONE)
    for key, sound in PREPROCESSING.items():
        if pretrained.get(key) is None:
            continue
        if not sound(pretrained[key]):
            raise UserError(
                f"{reference}: {key} in {CONFIG} makes no sense: {pretrained[key]!r:.60}."
            )
        settings[key] = pretrained[key]
    return {key: value for key, value in settings.items() if key not in IGNORED}


POOLS = one_of("avg", "max", "avgmax", "catavgmax", "fast", "fastavg", "fastmax", "fastavgmax")
ARGUMENTS: dict[str, Callable[[object], bool]] = {
    "global_pool": POOLS,
    "in_chans": lambda value: value == 3 and type(value) is int,
    "layers": lambda value: is_list(value, 6, whole(64)),
    "channels": lambda value: is_list(value, 6, whole(2**14)),
    "output_stride": lambda value: type(value) is int and value in (8, 16, 32),
    "stem_type": one_of("", "deep", "deep_tiered"),
    "act_layer": one_of("relu", "gelu", "silu", "leaky_relu", "elu", "hard_swish", "mish", "swish"),
    **dict.fromkeys(("cardinality", "base_width", "stem_width", "block_reduce_first"),
                    lambda value: whole(4096)(value)),
    "down_kernel_size": lambda value: whole(7)(value),
    **dict.fromkeys(("replace_stem_pool", "avg_down", "zero_init_last"),
                    lambda value: isinstance(value, bool)),
    **dict.fromkeys(("drop_rate", "drop_path_rate", "drop_block_rate"), is_number(-1e-9, 0.999)),
}  # fmt: skip


def is_list(value: object, most: int, sound: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= most and all(map(sound, value))


def whole(most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 1 <= value <= most


def arguments(given: object, pretrained: dict[str, Any], reference: str) -> dict[str, Any]:
    """timm's own arguments of the network: those of `model_args`, else the pooling that
    `pretrained_cfg` names. One that this program does not know would be another network."""
    if not isinstance(given, dict):
        raise UserError(f"{reference}: model_args in {CONFIG} makes no sense: {given!r:.60}.")
    wanted = {key: value for key, value in given.items() if key != "num_classes"}
    if pretrained.get("global_pool") is not None:
        wanted.setdefault("global_pool", pretrained["global_pool"])
    for key, value in wanted.items():
        if key not in ARGUMENTS or not ARGUMENTS[key](value):
            raise UserError(
                f"{reference} is built with {key[:40]} = {value!r:.40}, which cannot be followed "
                f"here. Open it with timm itself."
            )
    return wanted


def labels(
    given: dict[str, Any], pretrained: dict[str, Any], count: int, reference: str
) -> tuple[str, ...] | None:
    """The author's names in the order of the logits, described where he describes them; None
    when there are none."""
    names = given.get("label_names") or pretrained.get("label_names")
    if not names:
        return None
    if isinstance(names, dict) and set(names) == set(map(str, range(count))):
        names = [names[str(index)] for index in range(count)]
    if not isinstance(names, list) or len(names) != count:
        number = len(names) if isinstance(names, list | dict) else "none"
        raise UserError(
            f"{reference} has {count} classes and names {number} of them in {CONFIG}: which is "
            f"which cannot be known."
        )
    described = given.get("label_descriptions") or pretrained.get("label_descriptions")
    described = described if isinstance(described, dict) else {}
    return tuple(str(described.get(str(name), name)).split(",")[0][:200] for name in names)
