"""A Space that shows one network: this program, which opens with it."""

import importlib.metadata
import tempfile
from pathlib import Path

from resnet_demo.config import FEATURED
from resnet_demo.errors import UserError
from resnet_demo.export.hub_folder import names_if_there, upload
from resnet_demo.export.program import copy_program

OURS = "resnet_demo/refs.py"  # a Space that has it is this program
APP = '''"""The page of a Space that shows {model}."""

import os
import sys

os.environ.setdefault("{variable}", "{model}")  # what Classify and Inspect open with

from resnet_demo.ui.page import main

if __name__ == "__main__":
    sys.exit(main())
'''
README = """---
title: "{name}"
emoji: 🧱
colorFrom: indigo
colorTo: green
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
license: apache-2.0
models: ["{repo}"]
short_description: Classify pictures, and look inside the network
hf_oauth: true
hf_oauth_scopes: [contribute-repos]
startup_duration_timeout: 30m
---

The network [{repo}](https://huggingface.co/{repo}), to be used and taken apart: classify pictures,
see what each block does to them, switch blocks off. Visitors watch; its owner, signed in, trains.
"""


def check_space(repo: str) -> None:
    """Raises UserError where a Space of that name is something else, and for no token."""
    names = names_if_there(repo, "space")
    if names and OURS not in names:
        raise UserError(
            f"The Space {repo} is something else, and stays as it is. Push under another name."
        )


def make_space(repo: str) -> str:
    """Make or renew the Space that shows hub:REPO; returns its address. Raises UserError."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        copy_program(folder, networks=True)
        (folder / "app.py").write_text(APP.format(model=f"hub:{repo}", variable=FEATURED))
        gradio = importlib.metadata.version("gradio")
        about = README.format(repo=repo, name=repo.split("/")[1], gradio=gradio)
        (folder / "README.md").write_text(about, encoding="utf-8")
        url, _ = upload(folder, repo, False, "Made by ResNet Demo", kind="space")
    return url
