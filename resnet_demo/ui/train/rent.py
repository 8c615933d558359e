"""In the Train tab: the form's run on a machine of Hugging Face, rented once its price is read."""

from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from resnet_demo.config import Home
from resnet_demo.export import hub_jobs
from resnet_demo.runs import rented
from resnet_demo.ui.access import require_steering
from resnet_demo.ui.errors import friendly
from resnet_demo.ui.train.form import Form, Values

ABOUT = (
    "The run goes to a private repository, a rented machine trains it, and its curves appear here. "
    "It needs a token that may rent (`hf auth login`); the repository's owner pays."
)


QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(home: Home, form: Form, token: Component, started: Component) -> Dependency:
    """Returns the event after which `started` holds the new run."""
    with gr.Accordion("On a machine rented from Hugging Face", open=False) as fold:
        gr.Markdown(ABOUT)
        repo = gr.Textbox(label="Repository it goes through", placeholder="you/my-runs")
        flavor = gr.Dropdown([], label="Machine", info="The cheapest first.")
        hours = gr.Number(2, label="Hours, at most")
        price = gr.Button("What does it cost?", elem_id="rent-price")
        said = gr.Markdown("", elem_id="rent-said")
        begin = gr.Button("Rent it and start", elem_id="rent", visible=False)

    @friendly
    def ask(values: Values, request: gr.Request) -> tuple[str, gr.Button]:
        require_steering(request, values[token])
        rented.check(form.config(values), f"hub:{values[repo]}", values[hours] or 0)
        cost = rented.offer(values[flavor]).price(values[hours])
        return f"{values[flavor]} costs {cost}.", gr.Button(visible=True)

    @friendly
    def rent(values: Values, request: gr.Request) -> tuple[str, str, gr.Button]:
        require_steering(request, values[token])
        place = f"hub:{values[repo]}"
        run = rented.start(home, form.config(values), place, values[flavor], values[hours] or 0)
        return run, f"Run {run} is on its way to {values[flavor]}.", gr.Button(visible=False)

    inputs = {*form.inputs, token, repo, flavor, hours}
    fold.expand(friendly(offers), token, flavor, **QUIET)
    price.click(ask, inputs, [said, begin], api_visibility="private")
    for changed in (repo.input, flavor.input, hours.input):  # another price
        changed(lambda: ("", gr.Button(visible=False)), None, [said, begin], **QUIET)
    return begin.click(
        rent, inputs, [started, said, begin], concurrency_limit=1, api_visibility="private"
    )


def offers(secret: str, request: gr.Request) -> gr.Dropdown:
    """What may be rented, asked for when somebody looks."""
    require_steering(request, secret)
    machines = hub_jobs.hardware()
    choices = [
        (f"{machine.says}: ${machine.dollars_an_hour:.2f} an hour", machine.flavor)
        for machine in machines
    ]
    return gr.Dropdown(choices, value=machines[0].flavor)
