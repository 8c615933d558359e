"""Settings that fit a time, or a purpose: what `--preset` and the form's cards mean."""

from resnet_demo.errors import require_one_of
from resnet_demo.files import Json

# ResNet-10 with ResNet-D's stem and shortcuts: few pictures teach it as much as deeper ones
# (bench/records, where the two were found on pictures held apart).
SHORT: Json = dict(arch="resnet10d", batch_size=32, lr=0.02, start_px=64, crop_pct=0.875)
PAIRED: Json = SHORT | dict(paired_filters=True, lr=0.03)
# What fits a time on 2 cores with bf16; slower machines get a smaller run (budget_seconds).
PRESETS: dict[str, Json] = {
    "minute": dict(SHORT, epochs=3, px=112, budget_seconds=200),
    "coffee": dict(PAIRED, epochs=10, px=128, min_crop=0.45, budget_seconds=900),
    "lunch": dict(
        epochs=20, px=128, start_px=96, min_crop=0.4, val_scale=1.25, budget_seconds=1800
    ),
}
# What suits a classifier alone, on features that are there: an epoch costs little more than the
# writing of its weights.
CLASSIFIER_ONLY: Json = dict(
    freeze="backbone", epochs=10, batch_size=16, px=128, start_px=128, optimizer="adamw", lr=0.01,
    budget_seconds=0,
)  # fmt: skip


def preset(name: str) -> Json:
    """The settings of a preset; raises UserError that lists the names."""
    require_one_of("preset", name, tuple(PRESETS))
    return PRESETS[name]
