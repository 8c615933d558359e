"""Push the network to the Hub: with the visitor's own token on a public page, with the login of
this machine on one's own."""

import gradio as gr
from gradio.components import Component

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.export.licenses import LICENSES
from resnet_demo.files import Json
from resnet_demo.refs import ModelRef
from resnet_demo.runs import subprocess_measurement
from resnet_demo.ui.access import is_public, require_steering, token_of
from resnet_demo.ui.errors import friendly

HOW = (
    "Its weights, timm's description where timm knows the network, and a card filled from its run: "
    "how it was trained, how good it is, class by class. `hub:USER/REPO` loads it anywhere."
)
SIGN_IN = "Sign in with Hugging Face first (above): it goes to your account, with your token."


def pushed(
    home: Home,
    model: str,
    repo: str,
    license: str,
    private: bool,
    space: bool,
    request: gr.Request | None,
    token: str,
) -> Json:
    """The JSON of the command `push`. Raises UserError; on a public page its visitors push what
    ships with the program, its owner any network, each with the own token."""
    account = None
    if is_public():
        account = token_of(request)
        if account is None:
            raise UserError(SIGN_IN)
        if ModelRef.parse(model).kind != "bundled":
            require_steering(request, token)
    return subprocess_measurement.push(home, model, repo, license, private, space, account)


def build(home: Home, model: gr.Dropdown, token: Component) -> None:
    """Lay out and wire it below the network that `model` chooses."""
    with gr.Accordion("Push this network to the Hub", open=False, elem_id="push"):
        gr.Markdown(HOW)
        with gr.Row():
            repo = gr.Textbox(
                label="Repository", placeholder="USER/REPO", max_length=96, elem_id="push-repo"
            )
            license = gr.Dropdown(
                list(LICENSES), value=None, label="Licence of the weights", elem_id="push-license"
            )
        private = gr.Checkbox(label="Private: seen by nobody else", elem_id="push-private")
        space = gr.Checkbox(
            label="And a Space of the same name: this page, opening with this network",
            elem_id="push-space",
        )
        send = gr.Button("Push", size="sm", elem_id="push-send")
        said = gr.Markdown("", elem_id="push-said")

    @friendly
    def push(
        chosen: str,
        where: str,
        under: str | None,
        hidden: bool,
        shown: bool,
        secret: str,
        request: gr.Request,
    ) -> str:
        if not under:
            raise UserError("Choose a licence: it says what others may do with the weights.")
        reference, to = (chosen or "").strip(), (where or "").strip()
        return sentence(pushed(home, reference, to, under, hidden, shown, request, secret))

    inputs = [model, repo, license, private, space, token]
    send.click(push, inputs, said, concurrency_limit=1, api_visibility="private")
    model.change(lambda: "", None, said, api_visibility="private")


def sentence(answer: Json) -> str:
    """Of what `pushed` did."""
    says = f"[{answer['repo']}]({answer['url']}) has it now. `hub:{answer['repo']}` loads it."
    if answer["space"]:
        says += f" [Its Space]({answer['space']}) starts in minutes."
    return says
