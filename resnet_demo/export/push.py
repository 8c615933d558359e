"""A network to a repository of the Hub, from where `hub:USER/REPO` and timm load it."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.export.card import Story, write_card
from resnet_demo.export.formats import in_timm, write_safetensors, write_timm
from resnet_demo.export.licenses import LICENSES
from resnet_demo.fetching import causes, no_long_waits
from resnet_demo.files import Json
from resnet_demo.models.hub import WEIGHTS
from resnet_demo.models.network import Network

REFUSED = {  # by the Hub's status
    400: "The Hub refused the upload to {} (status 400): {}",
    401: "The Hub does not know this token. Make one that may write, and log in with it.",
    403: "This token may not write to {}. Choose a repository of yours, or a token that may.",
    404: "The Hub has no place for {}: is the user's or organisation's name right?",
    409: "Somebody else changed {} at the same moment. Push again.",
    413: "The Hub has no room for {}: a file or the repository is too large.",
    429: "The Hub was asked too often. Push to {} again in some minutes.",
}
NO_TOKEN = "There is no token. Log in first (hf auth login), or set HF_TOKEN."
UNREACHED = "The Hub cannot be reached. Nothing is lost: push to {} again when you are online."


@dataclass(frozen=True)
class Pushed:
    model: str
    repo: str
    url: str
    revision: str  # of the commit; `hub:` loads the newest

    def to_dict(self) -> Json:
        return asdict(self)


def push(
    network: Network, model: str, repo: str, license: str, private: bool, story: Story
) -> Pushed:
    """Weights, timm's description where timm builds the network, and a card, in one commit. The
    token is the one that HF_TOKEN or a login on this machine gives.

    What arrived of a broken push is not sent again. Raises UserError.
    """
    check(repo, license)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if in_timm(network):
            write_timm(network, folder)
        write_safetensors(network, folder / WEIGHTS)  # the same weights, and our description
        write_card(folder, network, repo, license, story)
        url, revision = upload(folder, repo, private)
    return Pushed(model, repo, url, revision)


def check(repo: str, license: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
        if "/" not in repo:
            raise HFValidationError
    except HFValidationError:
        raise UserError(f"'{repo[:60]}' is not of the form USER/REPO.") from None
    if license not in LICENSES:
        raise UserError(f"'{license[:40]}' is no licence known here. One of {', '.join(LICENSES)}.")


def upload(folder: Path, repo: str, private: bool) -> tuple[str, str]:
    from huggingface_hub import HfApi, get_token, logging

    logging.set_verbosity_error()  # each of its retries is a line else
    if not get_token():
        raise UserError(NO_TOKEN)
    api = HfApi()
    try:
        with no_long_waits():
            api.create_repo(repo, private=private, exist_ok=True)
            done = api.upload_folder(
                repo_id=repo, folder_path=folder, commit_message="Pushed by ResNet Demo"
            )
    except Exception as error:
        raise UserError(why_not(error, repo)) from None
    return f"{api.endpoint}/{repo}", done.oid


def why_not(error: BaseException, repo: str) -> str:
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    chain = list(causes(error))
    statuses = [getattr(getattr(one, "response", None), "status_code", None) for one in chain]
    status = next(filter(None, statuses), 0)
    if status in REFUSED:
        return REFUSED[status].format(repo, str(error).splitlines()[-1][:120])
    if status >= 500:
        return f"The Hub has trouble of its own (status {status}). Push to {repo} again later."
    if any(isinstance(one, OfflineModeIsEnabled | httpx.HTTPError | OSError) for one in chain):
        return UNREACHED.format(repo)
    raise error
