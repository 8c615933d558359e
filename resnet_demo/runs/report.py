"""What a finished run leaves beside its weights: report.json, and predictions.json for a look at
single pictures."""

from collections.abc import Generator, Iterator
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from resnet_demo.data.augment import normalise, whole_batch
from resnet_demo.data.pixel_cache import Pixels
from resnet_demo.evaluate.learning_curve import learning_curve
from resnet_demo.evaluate.metrics import BATCH, all_logits, score
from resnet_demo.files import Json, write_json
from resnet_demo.runs.context import RunContext
from resnet_demo.training import checkpoint
from resnet_demo.training.head import HeadTraining
from resnet_demo.training.loop import Training


def final_report(context: RunContext, training: Training) -> Generator[None, None, Json]:
    """Evaluate the last weights, write the two files, and return what report.json holds."""
    store, val = context.store, training.val
    classes: tuple[str, ...] = tuple(store.fact("classes"))
    labels = torch.from_numpy(val.labels)
    logits = training.val_logits
    if logits is None:  # the last epoch was validated in another process
        work = all_logits(training.best_model, batches(val), len(val), training.device)
        logits = yield from context.follow(work)
    temperature = store.last("temperature") or 1.0  # an older run has measured none
    scores = score(logits, labels, classes, val.names, temperature)
    numbers = asdict(scores) | {"classes": classes}
    numbers |= {name: store.last(name) for name in ("train_loss", "train_error")}
    numbers |= {
        "seconds": training.seconds,
        "epochs": training.epoch,
        "sha256": checkpoint.weights_digest(training.best_model.state_dict()),
    }
    if isinstance(training, HeadTraining) and (curve := would_more_help(training)):
        numbers["learning_curve"] = curve
        context.say("hint", curve["hint"])
    write_json(context.folder.predictions, predictions(val, logits / temperature))
    write_json(context.folder.report, numbers)
    return numbers


def would_more_help(training: HeadTraining) -> Json | None:
    """Cheap, since the features are there."""
    assert training.train_features is not None and training.val_features is not None
    labels = (torch.from_numpy(pixels.labels) for pixels in (training.train, training.val))
    seen, truth = labels
    return learning_curve(training.train_features[0], seen, training.val_features, truth)


def worst_pictures(val: Pixels, numbers: Json) -> list[tuple[np.ndarray, str]]:
    """uint8 (px, px, 3) of the most confident mistakes, and a line about each."""
    names, shown = numbers["classes"], []
    for row in numbers["worst"]:
        said = f"{names[row['label']]} called {names[row['called']]}"
        shown.append((val.images[row["picture"]], f"{said}, {100 * row['probability']:.0f} %"))
    return shown


def batches(pixels: Pixels) -> Iterator[Tensor]:
    for start in range(0, len(pixels), BATCH):
        images, _ = whole_batch(pixels, range(start, min(start + BATCH, len(pixels))))
        yield normalise(images)


def predictions(val: Pixels, logits: Tensor) -> Json:
    """One entry a validation picture; logits that the network's temperature divided."""
    probability, called = logits.softmax(1).max(1)
    return {
        "names": list(val.names),
        "labels": val.labels.tolist(),
        "called": called.tolist(),
        "probability": [round(value, 4) for value in probability.tolist()],
    }
