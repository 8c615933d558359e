"""Imagenette's ten classes: what they are called, and where ImageNet's networks have them."""

# WordNet id -> the name people know (github.com/fastai/imagenette).
IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}

# Where ImageNet-1k's 1000 outputs have them (sorted WordNet ids).
IMAGENETTE_INDEXES = dict(
    zip(IMAGENETTE_CLASSES.values(), (0, 217, 482, 491, 497, 566, 569, 571, 574, 701))
)
