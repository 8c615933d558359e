"""Folders to and from a repository of the Hub, with a sentence for whatever goes wrong."""

from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.fetching import causes, from_the_hub, no_long_waits, status_of

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


def check_repo(repo: str) -> None:
    """Raises UserError for what is not of the form USER/REPO."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
        if "/" not in repo:
            raise HFValidationError
    except HFValidationError:
        raise UserError(f"'{repo[:60]}' is not of the form USER/REPO.") from None


def upload(
    folder: Path,
    repo: str,
    private: bool,
    message: str,
    within: str | None = None,
    kind: str = "model",
) -> tuple[str, str]:
    """In one commit, with the token of this machine; returns (address, commit). within: the folder
    of the repository that becomes this one, whatever else was in it. kind: model or space. Raises
    UserError."""
    from huggingface_hub import HfApi, get_token, logging
    from huggingface_hub.utils import disable_progress_bars

    logging.set_verbosity_error()  # each of its retries is a line else
    if within:  # sent again and again, where nobody watches
        disable_progress_bars()
    if not get_token():
        raise UserError(NO_TOKEN)
    api = HfApi()
    try:
        with no_long_waits():
            api.create_repo(
                repo, private=private, exist_ok=True, repo_type=kind,
                space_sdk="gradio" if kind == "space" else None,
            )  # fmt: skip
            done = api.upload_folder(
                repo_id=repo, folder_path=folder, commit_message=message,
                path_in_repo=within, delete_patterns="*" if within else None, repo_type=kind,
            )  # fmt: skip
    except Exception as error:
        raise UserError(why_not(error, repo)) from None
    return f"{api.endpoint}/{'spaces/' if kind == 'space' else ''}{repo}", done.oid


def why_not(
    error: BaseException,
    repo: str,
    refused: dict[int, str] = REFUSED,
    unreached: str = UNREACHED,
) -> str:
    """A sentence about `repo`; what did not come from the way to the Hub is raised again."""
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    chain = list(causes(error))
    status = status_of(chain)
    if status in refused:
        return refused[status].format(repo, str(error).splitlines()[-1][:120])
    if status >= 500:
        return f"The Hub has trouble of its own (status {status}). Ask for {repo} again later."
    if any(isinstance(each, OfflineModeIsEnabled | httpx.HTTPError | OSError) for each in chain):
        return unreached.format(repo)
    raise error


def names_in(repo: str) -> list[str]:
    """Paths of the repository's files. Raises UserError."""
    from huggingface_hub import HfApi

    return from_the_hub(repo, lambda: HfApi().list_repo_files(repo), "mirror")


def names_if_there(repo: str, kind: str = "model") -> list[str]:
    """Paths of a repository's files, none where there is no such repository. Raises UserError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        with no_long_waits():
            return HfApi().list_repo_files(repo, repo_type=kind)
    except RepositoryNotFoundError:
        return []
    except Exception as error:
        raise UserError(why_not(error, repo)) from None


def download(repo: str, within: str, place: Path, what: str = "*") -> None:
    """A folder of the repository, of one commit, to `place/within`; or the files in it that are
    called so. Raises UserError."""
    from huggingface_hub import snapshot_download

    from_the_hub(
        repo,
        lambda: snapshot_download(repo, allow_patterns=f"{within}/{what}", local_dir=place),
        "mirror",
    )
