"""What programs may call (gradio_client, curl), under the names that the command line has."""

from dataclasses import asdict
from pathlib import Path

import gradio as gr

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.lab import degradation, protocols
from resnet_demo.lab import store as labs
from resnet_demo.refs import shown_data
from resnet_demo.runs import control, subprocess_measurement
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import check_model, redact_paths, require_steering
from resnet_demo.ui.classify.takeaway import exported
from resnet_demo.ui.errors import friendly
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import Cursor, InspectRequest, TrainRequest, parsed
from resnet_demo.ui.serving import Classifier
from resnet_demo.ui.train.panel import Live


def build(home: Home, classifier: Classifier, inspector: Inspector) -> None:
    """`/start /control /runs /history /classify /classify_batch /evaluate /inspect /lesion`
    and `/lab`."""
    build_runs(home)
    build_classify(home, classifier)
    build_inspect(inspector)
    build_lab(home)


def build_runs(home: Home) -> None:
    live = Live(home)

    @friendly
    def start(config: dict, token: str, request: gr.Request) -> dict:
        require_steering(request, token)
        return {"run": control.start(home, TrainConfig.from_dict(config))}

    @friendly
    def control_(run: str, command: str, value: str, token: str, request: gr.Request) -> dict:
        asked = {"run": run, "command": command, "value": value, "token": token}
        return live.steer(parsed(TrainRequest, asked), request)

    def runs() -> dict:
        found = [asdict(run) for run in control.list_runs(home)]
        for row in found:
            row["message"] = redact_paths(row["message"], row["data"])
            row["data"] = shown_data(row["data"])
        return {"runs": found}

    @friendly
    def history(run: str, since: int) -> dict:
        with Store(control.run_folder(home, run)) as store:
            generation = store.fact("generation", 0)
        return live.feed.series(run, Cursor(generation=generation, step=since, epoch=since))

    for name, function in (("start", start), ("control", control_), ("runs", runs)):
        gr.api(function, api_name=name)
    gr.api(history, api_name="history")


def build_classify(home: Home, classifier: Classifier) -> None:
    @friendly
    def classify(picture: gr.FileData, model: str, top: int) -> dict:
        return classify_batch([picture], model, top)

    @friendly
    def classify_batch(pictures: list[gr.FileData], model: str, top: int) -> dict:
        paths = [Path(as_file(picture)) for picture in pictures]
        answers = classifier.answers(paths, model, top)
        # "name" for the command's "path": gradio_client would take a "path" for a file to fetch
        return {"model": model, "images": [{"name": row.pop("path"), **row} for row in answers]}

    @friendly
    def evaluate(model: str, data: str, split: str, token: str, request: gr.Request) -> dict:
        require_steering(request, token)  # a minute of all cores
        return subprocess_measurement.evaluate(home, check_model(model), data, split)

    @friendly
    def export(
        model: str, format: str, token: str, request: gr.Request
    ) -> tuple[gr.FileData, dict]:
        """A network as a file. model: MODEL; format: safetensors, timm (zipped) or onnx; token: the
        owner's on a public page, else "". Returns the file, and {model, format, name, bytes, n,
        max_difference, snippet}: how it compares with the network here, and Python to open it."""
        path, told = exported(home, model, format, request, token)
        return gr.FileData(path=str(path), orig_name=path.name), told

    for name, function in (("classify", classify), ("classify_batch", classify_batch)):
        gr.api(function, api_name=name)
    gr.api(export, api_name="export", concurrency_limit=1)
    gr.api(evaluate, api_name="evaluate")


def build_lab(home: Home) -> None:
    @friendly
    def lab(
        lab: str, protocol: str, data: str, depths: list[int], seeds: int, token: str,
        request: gr.Request,
    ) -> dict:  # fmt: skip
        """How a lab stands, or a new one when none is named."""
        if lab:
            return degradation.record(home, labs.open_lab(home, lab))
        require_steering(request, token)
        wanted = protocols.depths_in(",".join(map(str, depths)))
        configs = protocols.configs(protocol, data, home, wanted, seeds)
        return started(home, labs.start(home, protocol, configs))

    gr.api(lab, api_name="lab")


def started(home: Home, lab: labs.Lab) -> Json:
    return degradation.summary(lab, labs.snapshots(home, lab))


def build_inspect(inspector: Inspector) -> None:
    @friendly
    def inspect(picture: gr.FileData, model: str, target: str) -> dict:
        key = inspector.put(Path(as_file(picture)))
        request = parsed(InspectRequest, {"picture": key, "model": model, "target": target})
        record = inspector.looked(request).record
        more = inspector.deeper(request)["blocks"]
        blocks = [row | extra for row, extra in zip(record["blocks"], more)]
        return {"model": model, **record, "blocks": blocks}

    @friendly
    def lesion(model: str, data: str, n: int, blocks: list[str], unplug: list[str]) -> dict:
        asked = {"model": model, "data": data, "n": n, "off": blocks, "unplugged": unplug}
        request = parsed(InspectRequest, asked)
        return inspector.jobs.finish(lambda: inspector.lesion(request))

    for name, function in (("inspect", inspect), ("lesion", lesion)):
        gr.api(function, api_name=name, concurrency_limit=1)


def as_file(picture: object) -> str:
    """Where a picture lies; `ui.gate` has let in only what was uploaded."""
    path = picture.get("path") if isinstance(picture, dict) else getattr(picture, "path", None)
    if not path:
        raise UserError("Give a file: handle_file(path) with gradio_client, or upload it first.")
    return path
