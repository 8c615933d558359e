"""One picture and 32: our ready network against a plain timm script, ONNX Runtime and OpenVINO,
in turn within one process; random weights, 224 px."""

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

ARCHS, BATCHES, ROUNDS = ("resnet18", "resnet50"), (1, 32), {1: 40, 32: 7}
WARM_UP = 5


def measure(data: str, place: Path) -> dict[str, object]:
    from resnet_demo import device

    device.prepare()
    return {f"{arch}, batch {count}": compare(arch, count) for arch in ARCHS for count in BATCHES}


def compare(arch: str, count: int) -> dict[str, float]:
    """Median milliseconds of each, interleaved so that noise hits all alike."""
    import timm

    model = timm.create_model(arch).eval()
    images = torch.randn(count, 3, 224, 224)
    ways = {**ours(model, images), "timm eager": lambda: model(images), **others(model, images)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for number in range(WARM_UP + ROUNDS[count]):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                if number >= WARM_UP:
                    seconds[name].append(time.perf_counter() - started)
    found = {name: round(1000 * median(times), 2) for name, times in seconds.items()}
    mine = min(found[name] for name in found if name.startswith("ours"))
    best = min(found[name] for name in found if not name.startswith("ours"))
    return {**found, "ratio to the best other": round(mine / best, 3)}


def ours(model: nn.Module, images: Tensor) -> dict[str, Callable]:
    """As the page and the commands use a network here."""
    from resnet_demo.classify.predictor import best_form

    form = best_form(model, images[:1])
    return {"ours": lambda: form(images)}


def others(model: nn.Module, images: Tensor) -> dict[str, Callable]:
    """ONNX Runtime in float32, OpenVINO in bfloat16 (both with their own settings)."""
    import onnxruntime
    import openvino

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = f"{folder}/net.onnx"
        torch.onnx.export(model, (images,), path, dynamo=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        name, array = session.get_inputs()[0].name, images.numpy()
        half = {"INFERENCE_PRECISION_HINT": "bf16"}
        compiled = openvino.Core().compile_model(openvino.convert_model(path), "CPU", half)
    return {
        "ONNX Runtime": lambda: session.run(None, {name: array}),
        "OpenVINO bf16": lambda: compiled(np.ascontiguousarray(array)),
    }
