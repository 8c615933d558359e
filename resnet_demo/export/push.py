"""A network to a repository of the Hub, from where `hub:USER/REPO` and timm load it."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.export.card import Story, write_card
from resnet_demo.export.formats import in_timm, write_safetensors, write_timm
from resnet_demo.export.hub_folder import check_repo, upload
from resnet_demo.export.licenses import LICENSES
from resnet_demo.export.space import check_space, make_space
from resnet_demo.files import Json
from resnet_demo.models.hub import WEIGHTS
from resnet_demo.models.network import Network


@dataclass(frozen=True)
class Pushed:
    model: str
    repo: str
    url: str
    revision: str  # of the commit; `hub:` loads the newest
    space: str | None = None  # its address, where one was wanted

    def to_dict(self) -> Json:
        return asdict(self)


def push(
    network: Network,
    model: str,
    repo: str,
    license: str,
    private: bool,
    story: Story,
    space: bool = False,
) -> Pushed:
    """Weights, timm's description where timm builds the network, and a card, in one commit. The
    token is the one that HF_TOKEN or a login on this machine gives. space: also make the Space of
    the same name, which shows it.

    What arrived of a broken push is not sent again. Raises UserError.
    """
    check(repo, license, private, space)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if in_timm(network):
            write_timm(network, folder)
        write_safetensors(network, folder / WEIGHTS)  # the same weights, and our description
        write_card(folder, network, repo, license, story)
        url, revision = upload(folder, repo, private, "Pushed by ResNet Demo")
    return Pushed(model, repo, url, revision, make_space(repo) if space else None)


def check(repo: str, license: str, private: bool, space: bool) -> None:
    check_repo(repo)
    if license not in LICENSES:
        raise UserError(f"'{license[:40]}' is no licence known here. One of {', '.join(LICENSES)}.")
    if private and space:
        raise UserError("A Space cannot see a private network. Push it openly, or without a Space.")
    if space:
        check_space(repo)
