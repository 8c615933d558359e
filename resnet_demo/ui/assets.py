"""What the page's scripts and styles are, and where they are served."""

import importlib.util
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

HERE = Path(__file__).parent
DAY_SECONDS = 86_400
BOKEH_FILES = ("bokeh.min.js", "bokeh-api.min.js")  # what static/base.js loads


def read(name: str) -> str:
    """A file beside the page's Python, as "train/panel.html"."""
    return (HERE / name).read_text()


def scripts(*names: str) -> str:
    """A panel's scripts in one scope: each uses what those before it declare."""
    return "\n".join(map(read, ("static/base.js", *names)))


def bokeh_files() -> Route:
    """BokehJS out of the bokeh package, without importing it. A route and no mount: a mount looks
    for its files in the wrong place where a proxy serves the page under a prefix."""
    spec = importlib.util.find_spec("bokeh")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "server" / "static" / "js"

    def send(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in BOKEH_FILES:
            return PlainTextResponse("There is no such script.", 404)
        return FileResponse(folder / name, headers={"Cache-Control": f"max-age={DAY_SECONDS}"})

    return Route("/bokeh/{name}", send)
