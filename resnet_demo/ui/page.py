"""The page as a whole: head, tabs, and how it is launched."""

import argparse
import importlib.util
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import IO, Any

import gradio as gr
from starlette.middleware import Middleware

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.runs import control, mirror, rented
from resnet_demo.runs.locks import try_lock
from resnet_demo.runs.mirror_places import mirror_at
from resnet_demo.runs.snapshot import UNDER_WAY
from resnet_demo.ui import access, api, assets, head, janitor, theme
from resnet_demo.ui.access import LOOPBACK, MAX_UPLOAD_BYTES, BodyLimit, is_public
from resnet_demo.ui.classify import tab as classify_tab
from resnet_demo.ui.gate import CheckedJson, OwnPages
from resnet_demo.ui.inspect import tab as inspect_tab
from resnet_demo.ui.inspect.long_work import before_training
from resnet_demo.ui.lab import tab as lab_tab
from resnet_demo.ui.places import THREADS, Places
from resnet_demo.ui.read import tab as read_tab
from resnet_demo.ui.serving import Classifier
from resnet_demo.ui.train import tab as train_tab

SESSIONS = 100  # whose widgets are remembered; an API call is one too
TABS = ("train", "classify", "inspect", "lab", "read")


def build(home: Home) -> gr.Blocks:
    """All tabs; nothing is read, downloaded or started."""
    with gr.Blocks(title="ResNet Demo", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        head.build()
        if is_public():
            with gr.Row(elem_id="visitors"):
                gr.Markdown("Visitors watch; training is started and stopped by the owner.")
                if access.can_sign_in():
                    gr.LoginButton(size="sm", scale=0, min_width=230)
        classifier = Classifier(home)
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            with gr.Tab("Train", id="train"):
                token = train_tab.build(home)
            with gr.Tab("Classify", id="classify"):
                classified = classify_tab.build(home, classifier, token)
            with gr.Tab("Inspect", id="inspect") as inspect:
                inspected = inspect_tab.build(home, classifier, inspect)
            with gr.Tab("Lab", id="lab"):
                lab_tab.build(home, partial(before_training, home), token)
            with gr.Tab("Read", id="read"):
                read_tab.build(classifier)
        page.load(None, None, None, js=assets.tabs(), api_visibility="private")
        reopened = [tabs, classified.model, inspected.model, inspected.other]
        page.load(reopen, None, reopened, api_visibility="private")
        classified.inside.click(
            look_inside,
            [classified.picture, classified.model],
            [tabs, inspected.picture, inspected.model],
            api_visibility="private",
        )
        api.build(home, classifier, inspected.inspector)
    page.queue(max_size=32, default_concurrency_limit=2)
    return page


def look_inside(picture: Path | None, model: str) -> list[Any]:
    """Inspect opens with the picture that Classify has, or keeps its own."""
    return [gr.Tabs(selected="inspect"), str(picture) if picture else gr.skip(), model]


def reopen(request: gr.Request) -> list:
    """The view that a link names: ?tab=inspect&model=run:0001&beside=bundled:plain56."""
    query = request.query_params
    tab, model = query.get("tab"), query.get("model")
    chosen = chosen_network(model)
    view = gr.Tabs(selected=tab) if tab in TABS else gr.skip()
    return [view, chosen, chosen, chosen_network(query.get("beside"))]


def chosen_network(model: str | None) -> Any:
    return gr.Dropdown(value=model, choices=["bundled", model]) if model else gr.skip()


def main() -> int:
    """The command that serves the page."""
    parser = argparse.ArgumentParser(description="Serve the page of ResNet Demo.")
    parser.add_argument("--host", help="address to listen on; not loop-back means public")
    parser.add_argument("--port", type=int, help="port to listen on")
    parser.add_argument("--home", help="folder of runs, caches and downloads")
    parser.add_argument("--mcp", action="store_true", help="let agents on this machine use the API")
    parser.add_argument(
        "--mirror", help="hub:USER/REPO or a folder: runs go there, and come back from there"
    )
    args = parser.parse_args()
    try:
        mirror.use(args.mirror)
        launch(Home.find(args.home), args.host, args.port, args.mcp)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def launch(home: Home, host: str | None = None, port: int | None = None, mcp: bool = False) -> None:
    """Serve until interrupted. Raises UserError when the home or the port is taken."""
    host = host or os.environ.get("GRADIO_SERVER_NAME")
    if (host and host not in LOOPBACK) or shared():
        os.environ["RESNET_DEMO_PUBLIC"] = "1"
    access.know_visitors_by_address()
    if mcp:
        check_mcp()
    home.make()
    lock = claim(home)
    if place := os.environ.get(mirror.VARIABLE):  # its runs appear as they come
        bring = partial(mirror.restore_all, home, mirror_at(place))
        threading.Thread(target=bring, daemon=True).start()
    janitor.own_folder()
    page = build(home)
    try:
        _, url, _ = page.launch(
            **settings(home, host, port), mcp_server=mcp, prevent_thread_lock=True
        )
    except OSError as error:
        raise UserError(
            f"Cannot listen on port {port or os.environ.get('GRADIO_SERVER_PORT')} ({error}). "
            f"Choose another with --port."
        ) from None
    janitor.begin(is_public(), offered(page))
    rented.watch(home)
    write_address(lock, url)
    for number in (signal.SIGINT, signal.SIGTERM):  # from here on it ends in order
        signal.signal(number, signal.default_int_handler)
    print(f"ResNet Demo is at {url} (runs in {home.path}).", flush=True)
    wait(home)


def offered(page: gr.Blocks) -> set[str]:
    """Files that the page itself shows, as its example pictures: there as long as it is."""
    return {path for block in page.blocks.values() for path in block.keep_in_cache}


def check_mcp() -> None:
    """Raises UserError where agents may not come in, or cannot."""
    if is_public():
        raise UserError("--mcp is for one's own machine: leave it out where the page is public.")
    if importlib.util.find_spec("mcp") is None:
        raise UserError("--mcp needs one more package: pip install 'gradio[mcp]'")


def shared() -> bool:
    return os.environ.get("GRADIO_SHARE", "").lower() in ("true", "1")


def settings(home: Home, host: str | None, port: int | None) -> Json:
    """What an open page needs and a stranger may not have."""
    return dict(
        server_name=host,
        server_port=port,
        theme=theme.theme(),
        css=theme.variables() + assets.styles(),
        share=shared(),  # never by itself, as Gradio does on some notebooks
        quiet=True,
        show_error=False,
        max_file_size=f"{most_upload() // 2**20}mb",
        max_threads=THREADS,
        state_session_capacity=SESSIONS,
        blocked_paths=[str(home.path)],
        run_history=False,
        enable_monitoring=False,
        footer_links=["api", "settings"],
        ssr_mode=False,
        app_kwargs={
            "routes": assets.routes(),
            "middleware": [
                Middleware(OwnPages),
                Middleware(assets.InHead),
                body_limit(),
                Middleware(CheckedJson),
                Middleware(Places),
            ],
        },
    )


def body_limit() -> Middleware:
    return Middleware(BodyLimit, max_upload_bytes=most_upload())


def most_upload() -> int:
    """Bytes: an archive of pictures is one file."""
    return MAX_UPLOAD_BYTES["public" if is_public() else "own"]


def claim(home: Home) -> IO:
    """One page a home: the lock is held while this process lives."""
    path = home.path / "page.lock"
    lock = try_lock(path, patience=1)
    if lock is None:
        where = path.read_text().strip() or "another address"
        raise UserError(
            f"Another page serves {home.path} already, at {where}. Open that one, "
            f"or choose another folder with --home."
        )
    return lock


def write_address(lock: IO, url: str) -> None:
    lock.truncate(0)
    lock.write(url)
    lock.flush()


def wait(home: Home) -> None:
    """Until Ctrl-C or SIGTERM; a run goes on without the page, so say so."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        for run in control.list_runs(home):
            if run.state in UNDER_WAY:
                print(f"Run {run.run} goes on; stop it: python -m resnet_demo stop {run.run}")
