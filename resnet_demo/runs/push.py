"""`push MODEL USER/REPO`: a network to the Hub with what its run knows of it."""

from resnet_demo.config import Home, TrainConfig
from resnet_demo.export import push as hub
from resnet_demo.export.card import CURVES, Story
from resnet_demo.export.push import Pushed
from resnet_demo.files import read_json
from resnet_demo.models import reference
from resnet_demo.models.network import Network
from resnet_demo.refs import ModelRef
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs import control
from resnet_demo.runs.shipped import shipped_run
from resnet_demo.runs.store import Store
from resnet_demo.training import checkpoint


def push(
    home: Home, model: str, repo: str, license: str, private: bool = False, space: bool = False
) -> Pushed:
    """Raises UserError when there is no such network, or the Hub does not take it."""
    hub.check(repo, license, private, space)
    network = reference.load(model, home)
    folder = run_behind(home, model)
    story = story_of(folder, network) if folder else Story()
    return hub.push(network, model, repo, license, private, story, space)


def run_behind(home: Home, model: str) -> RunFolder | None:
    """The finished run that this network comes from."""
    reference = ModelRef.parse(model)
    if model.strip() == "bundled":
        return shipped_run()
    folder = control.run_folder(home, reference.name) if reference.kind == "run" else None
    return folder if folder and read_json(folder.report) else None


def story_of(folder: RunFolder, network: Network) -> Story:
    """The run's report is of its last epoch: of the weights of another, as its best may be, nothing
    is claimed but what their file says."""
    report = read_json(folder.report) or {}
    epoch = network.about.get("epoch", f"{report['epochs']}")
    with Store(folder) as store:
        facts, curves = store.facts(), store.metrics(CURVES)
        config = TrainConfig.from_dict(facts["config"]).shown()
        rows = {
            "data": config.data,
            "pictures": f"{facts.get('num_train', 0):,} to train, {report['n']:,} to validate",
            "fingerprints of the data": ", ".join(p[:12] for p in facts.get("prints", [])),
            "epochs": f"{report['epochs']}, these weights are of epoch {epoch}",
            "seed": f"{config.seed}",
            "seconds of training": f"{report['seconds']:.0f}",
            "machine": facts.get("machine", "not known"),
            "sha256 of the weights": checkpoint.weights_digest(network.model.state_dict()),
        }
    drawn = {name: points for name, points in curves.items() if points}
    return Story(config, report if epoch == f"{report['epochs']}" else None, rows, drawn)
