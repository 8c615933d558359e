"""The words by which people name pictures and networks, DATA and MODEL: taken apart here, once."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resnet_demo.errors import UserError

# DATA -> (classes, pictures to train, to validate) of what is downloaded first
DOWNLOADS = {
    "imagenette": (10, 9_469, 3_925),
    "imagenette:320": (10, 9_469, 3_925),
    "imagenette:full": (10, 9_469, 3_925),
    "cifar10": (10, 50_000, 10_000),
}
SHAPES = "shapes"  # drawn by the program
DATA = (*DOWNLOADS, SHAPES)
OWN_DATA = ("folder", "dataset")  # a person's own: PATH, or NAME of what was imported
HUB = "hub"  # USER/NAME[:CONFIG] of the Hub
MODEL_FORMS = (
    "bundled, run:ID, run:ID@last, run:ID@EPOCH, timm:NAME, hub:USER/REPO, file:PATH, scratch:ARCH"
)
MODEL_KINDS = ("bundled", "run", "timm", "hub", "file", "scratch")


@dataclass(frozen=True)
class DataRef:
    """kind: imagenette, cifar10, shapes, folder, dataset or hub. rest: what follows the colon."""

    kind: str
    rest: str = ""

    @classmethod
    def parse(cls, text: str) -> "DataRef":
        """Raises UserError for what names no pictures."""
        kind, _, rest = text.partition(":")
        if text not in DATA and not (kind in (*OWN_DATA, HUB) and rest):
            raise UserError(
                f"There is no data '{text}'. Choose one of: {', '.join(DATA)}, folder:PATH, "
                f"dataset:NAME, hub:USER/NAME."
            )
        return cls(kind, rest)

    def __str__(self) -> str:
        return f"{self.kind}:{self.rest}" if self.rest else self.kind

    @property
    def is_folder(self) -> bool:
        return self.kind == "folder"

    @property
    def is_own(self) -> bool:
        return self.kind in OWN_DATA

    @property
    def is_downloaded(self) -> bool:
        return str(self) in DOWNLOADS

    @property
    def shown(self) -> str:
        """Without the path of a folder: what others may know of it."""
        return f"folder:{Path(self.rest).name}" if self.is_folder else str(self)


def shown_data(text: str) -> str:
    """`DataRef.shown`, also of what another version may have written."""
    kind, _, rest = text.partition(":")
    return DataRef(kind, rest).shown


@dataclass(frozen=True)
class ModelRef:
    """kind: one of MODEL_KINDS. name: an architecture, a run, a repository, a path; empty for
    `bundled`. which: of a run, `last`, `best` or an epoch; empty when not said."""

    kind: str
    name: str = ""
    which: str = ""

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """Raises UserError for what names no network."""
        kind, _, name = text.partition(":")
        if kind not in MODEL_KINDS or not (name or kind == "bundled"):
            raise UserError(f"There is no model '{text}'. Choose one of: {MODEL_FORMS}.")
        if kind != "run":
            return cls(kind, name)
        run, _, which = name.partition("@")
        return cls(kind, run, which)

    @property
    def run(self) -> str | None:
        return self.name if self.kind == "run" else None

    @property
    def is_published(self) -> bool:
        """Of others, trained on their pictures."""
        return self.kind in ("timm", "hub")


def shown_model(text: str) -> str:
    """Without the path of a file: what others may know of it."""
    kind, sign, name = text.partition(":")
    return f"{kind}{sign}{Path(name).name}" if kind == "file" else text


def run_of(model: str) -> str | None:
    """From "run:0001@3": "0001"; None for other networks, and for none."""
    with suppress(UserError):
        return ModelRef.parse(model.strip()).run
    return None
