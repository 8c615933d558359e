"""What the Inspect panel has measured over many pictures: long work, watched and stopped there."""

from collections.abc import Callable, Generator, Iterator
from functools import partial

from resnet_demo.config import Home
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.progress import Progress
from resnet_demo.refs import run_of
from resnet_demo.ui import zero_gpu
from resnet_demo.ui.access import measurable
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import Classifier, data_url, octets

Work = Generator[Progress, None, Json]


def lesion(inspector: Inspector, request: InspectRequest) -> Work:
    from resnet_demo.evaluate.lesion import lesion as measure

    model, data = request.model, measurable(request.data, inspector.home)
    off, unplugged = tuple(request.off), tuple(request.unplugged)
    n = request.pictures(500)
    return measure(inspector.network(model), model, data, inspector.home, n, off, unplugged)


def dim(inspector: Inspector, request: InspectRequest) -> Work:
    from resnet_demo.evaluate.dimming import dimming

    model, data = request.model, measurable(request.data, inspector.home)
    n, a, b = request.pictures(500), request.a, request.b
    return dimming(inspector.network(model), model, data, inspector.home, n, a, b, request.block)


def compare(inspector: Inspector, request: InspectRequest) -> Work:
    from resnet_demo.evaluate.cka import compare as measure

    first, second = ((name, inspector.network(name)) for name in (request.model, request.other))
    data, n = measurable(request.data, inspector.home), request.pictures(64)
    return measure(first, second, data, inspector.home, n)


def probes(inspector: Inspector, request: InspectRequest) -> Work:
    from resnet_demo.evaluate.linear_probe import probes as measure

    models = [model for model in (request.model, request.other) if model]
    networks = [(model, inspector.network(model)) for model in models]
    data, n = measurable(request.data, inspector.home), request.pictures(500)
    return measure(networks, data, inspector.home, n)


def top(inspector: Inspector, request: InspectRequest) -> Work:
    from resnet_demo.evaluate.top_pictures import top_pictures

    network, n = inspector.network(request.model), request.pictures(500)
    data = measurable(request.data, inspector.home)
    strongest = yield from top_pictures(
        network, data, inspector.home, n, request.block, request.channel
    )
    rows = [row | {"seen": data_url(row["seen"], "JPEG")} for row in strongest["rows"]]
    return {"model": request.model, **strongest, "rows": rows}


def initialisation(inspector: Inspector, request: InspectRequest) -> Work:
    return before_training(inspector.home, request.data)


def before_training(home: Home, data: str) -> Work:
    from resnet_demo.charts.lab import drawn_initialisation

    return drawn_initialisation(measurable(data, home), home)


def gif(inspector: Inspector, request: InspectRequest) -> Work:
    from resnet_demo.probe.epochs_gif import gif as draw

    run = run_of(request.model)
    epochs = inspector.epochs(f"run:{run}")
    if not run or not epochs:
        raise UserError("Only a run has epochs to look through. Choose run:ID.")
    pixels, target = inspector.pixels(request.picture), request.chosen_class
    load = lambda epoch: inspector.network(f"run:{run}@{epoch}")  # noqa: E731
    data = yield from draw(epochs, load, pixels, target)
    return {"name": f"run-{run}.gif", "url": octets(data, "image/gif")}


KINDS: dict[str, Callable[[Inspector, InspectRequest], Work]] = {
    "lesion": lesion,
    "dim": dim,
    "compare": compare,
    "probes": probes,
    "top": top,
    "initialisation": initialisation,
    "gif": gif,
}


def steps(inspector: Inspector, kind: str, request: InspectRequest) -> Work:
    """One of KINDS; on ZeroGPU with a GPU where that pays, and without when none is to be had."""
    if zero_gpu.is_here() and kind in WITH_GPU:
        try:
            return (yield from zero_gpu.answered(lent(kind, request, inspector.home)))
        except zero_gpu.NoGpu as refusal:
            yield f"No GPU ({str(refusal)[:80]}), so on the CPU", 0, 1
    return (yield from KINDS[kind](inspector, request))


# --- with a GPU that is lent -------------------------------------------------------------------

WITH_GPU = ("lesion", "dim", "compare", "probes", "top")
PICTURES_A_SECOND = 20  # a guess: no such GPU was tried


def gpu_seconds(kind: str, request: InspectRequest, home: Home) -> int:
    """More pictures, longer."""
    return zero_gpu.seconds_for(request.pictures(500) / PICTURES_A_SECOND)


@zero_gpu.lend(gpu_seconds)
def lent(kind: str, request: InspectRequest, home: Home) -> Iterator[zero_gpu.Message]:
    inspector = Inspector(home, Classifier(home))
    yield from zero_gpu.told(partial(KINDS[kind], inspector, request))


# --- what the panel asks -----------------------------------------------------------------------


def work(inspector: Inspector, request: InspectRequest) -> Json:
    """Start one of KINDS; ask `progress` for it."""
    require_one_of("measurement", request.kind, tuple(KINDS))
    task = partial(steps, inspector, request.kind, request)
    return {"job": inspector.jobs.start(task, request.visitor)}


def progress(inspector: Inspector, request: InspectRequest) -> Json:
    return inspector.jobs.progress(request.job)


def stop(inspector: Inspector, request: InspectRequest) -> Json:
    inspector.jobs.stop(request.job)
    return {}
