"""What the page's scripts and styles are, and where they are served."""

import importlib.util
from collections.abc import Container
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent
DAY_SECONDS = 86_400
STYLES = (
    "static/base.css", "train/panel.css", "classify/tab.css", "inspect/panel.css", "lab/panel.css",
    "read/panel.css",
)  # fmt: skip
BOKEH_FILES = ("bokeh.min.js", "bokeh-api.min.js")  # what static/charts.js loads
# Modules lie beside the page, which a proxy may serve under a prefix.
IMPORT_JS = "import(`${location.origin}${location.pathname.replace(/\\/$/, '')}/scripts/NAME`)"
# Gradio runs this once, with the panel's `element` and `server` functions in scope.
PANEL_JS = """
const parts = Promise.all([PANEL, POLL]);
parts.then(([panel, { patient }]) => panel.mount(element, patient(server)), (error) => {
  console.error(error);
  element.textContent = "This part's script did not come. Reload the page to try again.";
});
"""


def read(name: str) -> str:
    """A file beside the page's Python, as "train/panel.html"."""
    return (HERE / name).read_text()


def styles() -> str:
    """What all panels share, then each panel's own."""
    return "\n".join(map(read, STYLES))


def panel(name: str) -> str:
    """What loads a panel's module, as "train/panel.js", into its place."""
    return PANEL_JS.replace("PANEL", imported(name)).replace("POLL", imported("static/poll.js"))


def imported(name: str) -> str:
    return IMPORT_JS.replace("NAME", name)


class InHead:
    """Has static/frames.js run before Gradio's own scripts, unlike what Gradio takes as `head`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.head = f"<head><script>{read('static/frames.js')}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
        await self.app(scope, receive, self.with_script(send) if is_page else send)

    def with_script(self, send: Send) -> Send:
        starts: list[Message] = []  # kept back until the page's length is known

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                return starts.append(message)
            if starts:
                message["body"] = message["body"].replace(b"<head>", self.head, 1)
                start = starts.pop()
                MutableHeaders(scope=start)["content-length"] = str(len(message["body"]))
                await send(start)
            await send(message)

        return send_with


def tabs() -> str:
    """What lets tabs have addresses, for the page's load event."""
    return "() => " + imported("static/tabs.js") + ".then((tabs) => tabs.mount())"


def routes() -> list[Route]:
    """Routes and no mounts: a mount looks for its files in the wrong place where a proxy serves the
    page under a prefix."""
    return [Route("/bokeh/{name}", bokeh_file), Route("/scripts/{name:path}", module_file)]


def bokeh_file(request: Request) -> Response:
    """BokehJS out of the bokeh package, without importing it."""
    spec = importlib.util.find_spec("bokeh")
    assert spec and spec.origin
    folder = Path(spec.origin).parent / "server" / "static" / "js"
    return script(folder, request.path_params["name"], BOKEH_FILES, f"max-age={DAY_SECONDS}")


def module_file(request: Request) -> Response:
    """The page's own modules; asked for anew, since they change with the program."""
    modules = {str(path.relative_to(HERE)) for path in HERE.glob("*/*.js")}
    return script(HERE, request.path_params["name"], modules, "no-cache")


def script(folder: Path, name: str, known: Container[str], cache: str) -> Response:
    if name not in known:
        return PlainTextResponse("There is no such script.", 404)
    return FileResponse(
        folder / name, media_type="text/javascript", headers={"Cache-Control": cache}
    )
