"""What the panels' scripts may ask: JSON that a stranger may have written, one model a panel."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.ui.access import OWNER, is_public

LONGEST_TEXT = 300
MOST_NAMES = 400  # of blocks, lines or runs in one question
MOST_PUBLIC_PICTURES = 500  # that a stranger may have measured
Place = Annotated[
    int, Field(ge=-1, lt=2**53)
]  # step or epoch up to which a page knows; -1: nothing
Strength = Annotated[float, Field(ge=0, le=2, strict=False)]
Names = Annotated[list[str], Field(max_length=MOST_NAMES)]
R = TypeVar("R", bound="PanelRequest")


class PanelRequest(BaseModel):
    """A field that is null counts as not given; other fields than these are passed over."""

    model_config = ConfigDict(
        strict=True, str_strip_whitespace=True, str_max_length=LONGEST_TEXT, frozen=True
    )
    token: str = ""
    viewer: int | str = ""  # which open page asks
    visitor: str = ""  # who measures; the server writes it, see errors.answering
    job: str = ""
    kind: str = ""
    data: str = ""
    dark: bool = False

    @property
    def of_owner(self) -> bool:
        return self.visitor == OWNER

    @model_validator(mode="before")
    @classmethod
    def without_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None}


class Cursor(BaseModel):
    """What a page has of a run: nothing when the generation is another one."""

    model_config = ConfigDict(strict=True, frozen=True)
    generation: Place = -1
    step: Place = -1
    epoch: Place = -1


class TrainRequest(PanelRequest):
    main: str = ""  # the run to show
    digest: str = ""  # of the list of runs that the page has
    runs: Annotated[dict[str, Cursor], Field(max_length=MOST_NAMES)] = {}
    run: str = ""
    command: str = ""
    value: str = ""
    label: int = -1
    called: int = -1


class InspectRequest(PanelRequest):
    picture: str = ""  # its key
    model: str = ""
    other: str = ""
    version: str = ""  # of the model's weights that were looked at
    target: int | str | None = None
    block: str = ""
    channel: int = -1
    shared: bool = False  # one scale for all channels
    off: Names = []
    unplugged: Names = []
    n: int | None = None  # pictures
    a: Strength = 1.0  # of the branches, in `dim`
    b: Strength = 1.0  # of the shortcuts

    @property
    def chosen_class(self) -> int | str | None:
        """None: the most probable. 0 is the first of the classes."""
        return None if self.target == "" else self.target

    def pictures(self, default: int) -> int:
        """How many to measure on. Raises UserError for more than a stranger may ask for."""
        n = default if self.n is None else self.n
        if is_public() and n > MOST_PUBLIC_PICTURES:
            raise UserError(f"On a public page at most {MOST_PUBLIC_PICTURES} pictures. Got {n}.")
        return n


class ReadRequest(PanelRequest):
    step: str = ""
    choice: str = ""


class LabRequest(PanelRequest):
    lab: str = ""
    have: Annotated[dict[str, Place], Field(max_length=MOST_NAMES)] = {}  # line -> its last x
    part: str = ""
    command: str = ""
    guess: Json = {}


def parsed(kind: type[R], given: object) -> R:
    """Raises UserError that names the first field that is wrong."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part)[:40] for part in first["loc"]) or "This question"
        got = str(first["input"])[:40]
        raise UserError(f"{field} is wrong: {first['msg'].lower()}. Got {got!r}.") from None
