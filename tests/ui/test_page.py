"""The served page: what programs may call, what strangers may not."""

import re

import httpx
import pytest

from resnet_demo.config import Home
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui import page
from resnet_demo.ui.train import form as train_form
from resnet_demo.ui.train import tab
from tests.conftest import ROOT, draw_folder, small, wait_until


def test_programs_find_these_endpoints_and_no_others(home: Home) -> None:
    config = page.build(home).get_config_file()
    public = {
        dependency["api_name"]
        for dependency in config["dependencies"]
        if dependency["api_visibility"] == "public"
    }
    steering = {"start", "control", "runs", "history"}
    assert public == steering | {
        "classify", "classify_batch", "evaluate", "dataset", "export", "inspect", "lesion", "lab",
        "probes",
    }  # fmt: skip


def test_an_open_page_costs_no_connection(home: Home) -> None:
    config = page.build(home).get_config_file()
    assert not config.get("connect_heartbeat")
    assert not [c for c in config["components"] if c["type"] in ("state", "timer")]


@pytest.fixture
def form(home: Home):
    import gradio as gr

    with gr.Blocks():
        form = train_form.Form()
        form.lay_out()
        return form


def values(form, **changes: object) -> dict:
    given = {form.preset: form.preset.value}
    given |= {widget: widget.value for widget in form.widgets.values()}
    return given | {form.widgets[name]: value for name, value in changes.items()}


def test_the_form_starts_as_the_coffee_preset(form) -> None:
    config = form.config(values(form))
    assert (config.arch, config.px, config.budget_seconds) == ("resnet10d", 128, 900)
    assert config.epochs == train_form.PRESETS["coffee"]["epochs"]


def test_the_shortcut_switch_writes_the_architecture(form) -> None:
    assert form.config(values(form, shortcuts=False, depth=56)).arch == "plain56"


def test_filters_are_paired_where_they_can_be(form) -> None:
    """The tick of a preset stands in no network's way."""
    cannot = (dict(init="bundled"), dict(depth=56), dict(paired_filters=False))
    assert form.config(values(form)).paired_filters
    assert not any(form.config(values(form, **given)).paired_filters for given in cannot)


def test_an_empty_field_is_named(form) -> None:
    with pytest.raises(page.UserError, match="epochs is empty"):
        form.config(values(form, epochs=None))


def test_the_preview_shows_every_class(form, pictures, home: Home) -> None:
    config = form.config(values(form, data=f"folder:{pictures}", px=16, start_px=16, batch_size=8))
    shown = tab.tiles(config, home)
    assert shown.count("<figure>") == 3 and "4 pictures of green" in shown
    assert "36 to train, 12 to validate" in shown


def test_a_preview_names_the_class_that_cannot_be_read(form, tmp_path, home: Home) -> None:
    data = draw_folder(tmp_path / "d", 2, 1)
    for path in (data / "train/green").iterdir():
        path.write_bytes(b"no picture")
    config = form.config(values(form, data=f"folder:{data}", px=16, start_px=16))
    with pytest.raises(page.UserError, match="No picture of class green can be read"):
        tab.tiles(config, home)


def test_names_of_classes_are_never_read_as_html(form, tmp_path, home: Home) -> None:
    data = draw_folder(tmp_path / "d", 1, 1)
    for split in ("train", "val"):
        (data / split / "red").rename(data / split / "<img src=x onerror=alert(1)>")
    config = form.config(values(form, data=f"folder:{data}", px=16, start_px=16))
    assert "<img src=x" not in tab.tiles(config, home)


def test_the_table_of_networks_counts_like_the_paper() -> None:
    table = tab.networks_table("18", True)
    assert "11,689,512" in table and "layer4" in table


def test_a_client_starts_steers_and_reads(shared, pictures) -> None:
    from gradio_client import Client

    client = Client(shared.url, verbose=False)
    config = {**small(pictures), "epochs": 5000}
    run = client.predict(config, "", api_name="/start")["run"]
    home = Home(shared.home)
    wait_until(lambda: control.read_run(home, run).step > 2)
    assert client.predict(api_name="/runs")["runs"][0]["run"] == run
    series = client.predict(run, -1, api_name="/history")
    assert len(series["lines"]["loss"][0]) > 2
    answer = client.predict(run, "stop", "", "", api_name="/control")
    assert "everything is kept" in answer["answer"]


def test_a_client_starts_what_the_command_would(shared, pictures) -> None:
    """A preset, and of a network to start from its kind."""
    from gradio_client import Client

    client, home = Client(shared.url, verbose=False), Home(shared.home)
    few = {"data": f"folder:{pictures}", "px": 16, "batch_size": 8, "init": "bundled"}
    run = client.predict({"preset": "minute", **few}, "", api_name="/start")["run"]
    with Store(home.run(run)) as store:
        config = store.config
    assert (config.arch, config.epochs, config.start_px) == ("resnet18d", 3, 16)
    client.predict(run, "cancel", "", "", api_name="/control")
    for wrong, says in REFUSED_STARTS:
        with pytest.raises(Exception, match=says):
            client.predict(wrong, "", api_name="/start")


REFUSED_STARTS = [
    (5, "config is {name: value, ...}. Got '5'"),
    ({"epoch": 3}, "There is no setting 'epoch'"),
    ({"preset": "tea"}, "There is no preset 'tea'"),
    ({"preset": 7}, "There is no preset '7'"),
    ({"init": 5}, "init must be text. Got 5"),
    ({"px": "64"}, "px must be a whole number. Got '64'"),
]


def test_a_public_page_lets_visitors_watch_only(serve, pictures, tmp_path) -> None:
    from gradio_client import Client

    server = serve(RESNET_DEMO_PUBLIC="1", RESNET_DEMO_ADMIN_TOKEN="secret")
    client = Client(server.url, verbose=False)
    assert client.predict(api_name="/runs") == {"runs": []}
    with pytest.raises(Exception, match="only the owner"):
        client.predict(small(pictures), "", api_name="/start")
    assert client.predict(small(pictures), "secret", api_name="/start")["run"] == "0001"


def test_launch_settings_hold(shared) -> None:
    get = lambda path: httpx.get(shared.url + path, timeout=30)  # noqa: E731
    assert get("/gradio_api/monitoring").status_code in (403, 404)
    assert get(f"/gradio_api/file={shared.home}/page.lock").status_code == 403
    script = get("/bokeh/bokeh.min.js")
    assert script.status_code == 200 and "max-age" in script.headers["cache-control"]
    big = httpx.post(f"{shared.url}/gradio_api/queue/join", content=b"x" * (5 * 2**20), timeout=30)
    assert big.status_code == 413


def test_a_second_page_on_the_same_home_is_refused(serve, shared) -> None:
    second = serve(shared.home)
    assert second.process.wait(30) == 1
    assert f"already, at {shared.url}" in second.line and "--home" in second.line


def test_a_taken_port_is_refused(serve, shared) -> None:
    second = serve(port=shared.port)
    assert second.process.wait(30) == 1
    assert f"Cannot listen on port {shared.port}" in second.line


def test_every_endpoint_says_what_goes_in_and_out_and_is_in_the_readme(home: Home) -> None:
    from resnet_demo.ui.page import build

    told = build(home).get_api_info()["named_endpoints"]
    for name, endpoint in told.items():
        assert len(endpoint.get("description") or "") > 40, name
    listed = re.search(r"Programs call `([^`]*)`", (ROOT / "README.md").read_text())
    assert listed and sorted(listed[1].split()) == sorted(told)
