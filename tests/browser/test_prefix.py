"""The page behind a proxy that serves it under a prefix, and the page whose charts did not come."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from tests.browser.test_train import open_page, wait_for_points
from tests.conftest import free_port

pytestmark = pytest.mark.browser
PREFIX = "/demo"


class Proxy(BaseHTTPRequestHandler):
    """Takes the prefix off and hands on; what lies elsewhere is somebody else's: 404."""

    port: int  # of the page

    def hand_on(self) -> None:
        if not self.path.startswith(PREFIX):
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        path = self.path.removeprefix(PREFIX) or "/"
        headers = {k: v for k, v in self.headers.items() if k != "Accept-Encoding"}
        connection.request(self.command, path, body, headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while part := answer.read1(2**16):
            self.wfile.write(part)
            self.wfile.flush()
        connection.close()

    do_GET = do_POST = do_HEAD = hand_on

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxied(serve, home: Home, config: TrainConfig) -> Iterator[str]:
    """The address of a page with one finished run, under the prefix."""
    train_here(home, control.new_run(home, config))
    port = free_port()
    address = f"http://127.0.0.1:{port}{PREFIX}"
    server = serve(home.path, GRADIO_ROOT_PATH=address)
    proxy = ThreadingHTTPServer(
        ("127.0.0.1", port), type("Handler", (Proxy,), {"port": server.port})
    )
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield address
    proxy.shutdown()
    proxy.server_close()


def test_charts_are_drawn_under_a_prefix(proxied: str, page) -> None:
    open_page(page, proxied + "/")
    wait_for_points(page, "0001", 10)


def test_runs_are_listed_when_the_charts_script_does_not_come(
    serve, page, config: TrainConfig, home: Home
) -> None:
    from playwright.sync_api import expect

    train_here(home, control.new_run(home, config))
    page.route("**/bokeh/*", lambda route: route.abort())
    open_page(page, serve(home.path).url)
    expect(page.locator("#live .runs tbody tr")).to_have_count(2, timeout=30_000)  # one ships
    expect(page.locator("#live .state")).to_have_text("finished")
    expect(page.locator("#live .answer")).to_contain_text("charts' script did not come")
