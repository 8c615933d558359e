"""What programs may call (gradio_client, curl), under the names that the command line has."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import gradio as gr

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.library import Library, tables
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.lab import degradation, protocols
from resnet_demo.lab import store as labs
from resnet_demo.refs import shown_data
from resnet_demo.runs import control, subprocess_measurement
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import check_model, redact_paths, require_steering
from resnet_demo.ui.classify.takeaway import exported
from resnet_demo.ui.errors import friendly, visitor_of
from resnet_demo.ui.inspect import long_work
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import Cursor, InspectRequest, TrainRequest, parsed
from resnet_demo.ui.serving import Classifier
from resnet_demo.ui.train.panel import Live
from resnet_demo.ui.train.pictures import take_in


def build(home: Home, classifier: Classifier, inspector: Inspector) -> None:
    """All of it; README lists the names."""
    build_runs(home)
    build_dataset(home)
    build_classify(home, classifier)
    build_inspect(inspector)
    build_lab(home)


def build_runs(home: Home) -> None:
    live = Live(home)

    @friendly
    def start(config: dict, token: str, request: gr.Request) -> dict:
        """Queue a run. config: options of `python -m resnet_demo train` as {name: value}, also
        preset; token: the owner's on a public page, else "". Returns {run}, its name."""
        require_steering(request, token)
        return {"run": control.start(home, config_in(home, config))}

    @friendly
    def control_(run: str, command: str, value: str, token: str, request: gr.Request) -> dict:
        """Steer a run. command: pause, resume, stop, cancel, delete, twin, or set with a value as
        "lr=0.01" or "epochs=8"; token: the owner's on a public page, else "". Returns {answer},
        what was done, and {run} for a twin."""
        values = {"run": run, "command": command, "value": value, "token": token}
        return live.steer(parsed(TrainRequest, values), request)

    def runs() -> dict:
        """All runs, newest first: {runs: [{run, state, arch, data, epoch, epochs, step, steps,
        seed, px, top1, best_top1, num_val, seconds, created, params, message}]}, accuracies in
        percent."""
        rows = [asdict(run) for run in control.list_runs(home)]
        for row in rows:
            row["message"] = redact_paths(row["message"], row["data"])
            row["data"] = shown_data(row["data"])
        return {"runs": rows}

    @friendly
    def history(run: str, since: int) -> dict:
        """What a run measured after step `since` (-1: all of it): {lines: {name: [steps, values]},
        strip: {blocks, steps, values}} with each block's gradient norm over its weights' norm."""
        with Store(control.run_folder(home, run)) as store:
            generation = store.fact("generation", 0)
        return live.feed.series(run, Cursor(generation=generation, step=since, epoch=since))

    for name, function in (("start", start), ("control", control_), ("runs", runs)):
        gr.api(function, api_name=name)
    gr.api(history, api_name="history")


def config_in(home: Home, asked: object) -> TrainConfig:
    """Of an answer's JSON, which may be anything. Raises UserError."""
    if not isinstance(asked, dict):
        raise UserError(f"config is {{name: value, ...}}. Got {str(asked)[:40]!r}.")
    given = dict(asked)
    preset = given.pop("preset", "")
    return control.config_of(home, given, preset)


def build_dataset(home: Home) -> None:
    @friendly
    def dataset(
        action: str, name: str, files: list[gr.FileData], label: str, labels: str, token: str,
        request: gr.Request,
    ) -> dict:  # fmt: skip
        """One's own pictures. action: import (files: ZIP, TAR or pictures; label: the class of
        loose pictures, or ""; labels: folders, prefix or table), list, show or delete; token: the
        owner's on a public page, else "". Returns {name, data, classes: [{name, n}], refused:
        [{name, reason}], unfinished}, of an import with {added, sentence}; {datasets: [...]} of
        list."""
        require_steering(request, token)
        if action == "list":
            return {"datasets": tables(home)}
        if action == "import":
            return take_in(home, name, [as_file(file) for file in files], label, labels)
        require_one_of("action", action, ("import", "list", "show", "delete"))
        answer = Library(home, name).open().table()
        if action == "delete":
            Library(home, name).delete()
        return answer

    gr.api(dataset, api_name="dataset", concurrency_limit=1)


def build_classify(home: Home, classifier: Classifier) -> None:
    @friendly
    def classify(picture: gr.FileData, model: str, top: int) -> dict:
        """One picture's `top` most probable classes. model: bundled, run:ID, timm:NAME,
        hub:USER/REPO or file:PATH. Returns {model, images: [{name, ms, unlike, top: [{class,
        index, probability}]}]}; a picture that is refused has {name, error}."""
        return classify_batch([picture], model, top)

    @friendly
    def classify_batch(pictures: list[gr.FileData], model: str, top: int) -> dict:
        """As /classify, for up to 500 pictures at once."""
        paths = [Path(as_file(picture)) for picture in pictures]
        answers = classifier.answers(paths, model, top)
        # "name" for the command's "path": gradio_client would take a "path" for a file to fetch
        return {"model": model, "images": [{"name": row.pop("path"), **row} for row in answers]}

    @friendly
    def evaluate(model: str, data: str, split: str, token: str, request: gr.Request) -> dict:
        """Accuracy on validation pictures, with all cores and not beside a run. data: imagenette,
        cifar10, shapes or folder:PATH; split: val, clean (pictures no network here was trained
        on) or all (also those to train on). Returns {n, top1, top1_ci95, top5, val_loss, ece,
        per_class, confusion, ...}, accuracies in percent."""
        require_steering(request, token)  # a minute of all cores
        return subprocess_measurement.evaluate(home, check_model(model), data, split)

    @friendly
    def export(
        model: str, format: str, token: str, request: gr.Request
    ) -> tuple[gr.FileData, dict]:
        """A network as a file. model: MODEL; format: safetensors, timm (zipped) or onnx; token:
        the owner's on a public page, else "". Returns the file, and {model, format, name, bytes,
        n, max_difference, snippet}: how it compares with the network here, and Python to open
        it."""
        path, answer = exported(home, model, format, request, token)
        return gr.FileData(path=str(path), orig_name=path.name), answer

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
        """How a lab stands; a new one is started when none is named, of these depths and seeds on
        `data` by a protocol: quick, short or paper. Returns {lab, state, rows, table, verdict,
        ...}."""
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
        """What a picture does in a network, block by block. target: the class that gradients are
        of, by name or index; "": the most probable. Returns {class, top, blocks: [{name, shape,
        grad_norm, relative_grad_norm, branch_over_shortcut, receptive_field_px, deletion,
        ...}]}."""
        key = inspector.put(Path(as_file(picture)))
        request = parsed(InspectRequest, {"picture": key, "model": model, "target": target})
        record = inspector.looked(request).record
        more = inspector.deeper(request)["blocks"]
        blocks = [row | extra for row, extra in zip(record["blocks"], more)]
        return {"model": model, **record, "blocks": blocks}

    @friendly
    def lesion(
        model: str, data: str, n: int, blocks: list[str], unplug: list[str], request: gr.Request
    ) -> dict:
        """Accuracy on n pictures with every block switched off alone; or with these blocks, or the
        shortcuts of those in `unplug`. Returns {baseline_top1, blocks: [{name, top1, top1_ci95,
        drop, kept}]}, in percent and points."""
        values = {"model": model, "data": data, "n": n, "off": blocks, "unplugged": unplug}
        return measured(inspector, "lesion", values, request)

    @friendly
    def probes(model: str, data: str, n: int, other: str, request: gr.Request) -> dict:
        """What a linear classifier reads from each block of a network (and of `other`, "": none),
        fitted on 2 n training pictures and tested on n others. Returns {networks: [{model, n,
        blocks: [{name, channels, top1, top1_ci95}]}]}, in percent."""
        values = {"model": model, "data": data, "n": n, "other": other}
        return measured(inspector, "probes", values, request)

    for name, function in (("inspect", inspect), ("lesion", lesion), ("probes", probes)):
        gr.api(function, api_name=name, concurrency_limit=1)


def measured(inspector: Inspector, kind: str, values: Json, sender: gr.Request) -> Json:
    work = partial(long_work.steps, inspector, kind, parsed(InspectRequest, values))
    return inspector.jobs.finish(work, visitor_of(sender, ""))


def as_file(picture: object) -> str:
    """Where a picture lies; `ui.gate` has let in only what was uploaded."""
    path = picture.get("path") if isinstance(picture, dict) else getattr(picture, "path", None)
    if not path:
        raise UserError("Give a file: handle_file(path) with gradio_client, or upload it first.")
    return path
