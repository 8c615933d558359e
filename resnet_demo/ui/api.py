"""What programs may call (gradio_client, curl), under the names that the command line has."""

from dataclasses import asdict

import gradio as gr

from resnet_demo.config import Home, TrainConfig, shown_data
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import require_steering
from resnet_demo.ui.feed import Cursor, without_paths
from resnet_demo.ui.friendly import friendly
from resnet_demo.ui.live import Live


def build(home: Home) -> None:
    """`/start /control /runs /history`."""
    live = Live(home)

    @friendly
    def start(config: dict, token: str, request: gr.Request) -> dict:
        require_steering(request, token)
        return {"run": control.start(home, TrainConfig.from_dict(config))}

    @friendly
    def control_(run: str, command: str, value: str, token: str, request: gr.Request) -> dict:
        asked = {"run": run, "command": command, "value": value, "token": token}
        return live.steer(asked, request)

    def runs() -> dict:
        found = [asdict(run) for run in control.list_runs(home)]
        for row in found:
            row["message"] = without_paths(row["message"], row["data"])
            row["data"] = shown_data(row["data"])
        return {"runs": found}

    @friendly
    def history(run: str, since: int) -> dict:
        with Store(control.run_dir(home, run)) as store:
            generation = store.fact("generation", 0)
        return live.feed.series(run, Cursor(generation, since, since))

    for name, function in (("start", start), ("control", control_), ("runs", runs)):
        gr.api(function, api_name=name)
    gr.api(history, api_name="history")
