"""Questions of the panels' scripts, as a stranger may write them."""

import pytest

from resnet_demo.errors import UserError
from resnet_demo.ui.access import OWNER
from resnet_demo.ui.errors import answering
from resnet_demo.ui.requests import InspectRequest, LabRequest, TrainRequest, parsed


@pytest.mark.parametrize("given", [{}, {"main": None, "runs": None}, {"not": "known"}])
def test_what_is_not_given_has_its_default(given: dict) -> None:
    assert parsed(TrainRequest, given) == TrainRequest()


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        (TrainRequest, [], "This question is wrong: input should be a valid dictionary"),
        (TrainRequest, None, "This question is wrong"),
        (TrainRequest, {"run": 5}, "run is wrong: input should be a valid string. Got '5'."),
        (TrainRequest, {"runs": {"0001": {"step": "4"}}}, "runs.0001.step is wrong"),
        (TrainRequest, {"runs": {"0001": {"step": 10**30}}}, "runs.0001.step is wrong"),
        (TrainRequest, {"token": "t" * 301}, "at most 300 characters"),
        (LabRequest, {"have": {"resnet20 val": 1.5}}, "have.resnet20 val is wrong"),
        (LabRequest, {"have": {str(line): 1 for line in range(401)}}, "at most 400"),
        (LabRequest, {"dark": "yes"}, "dark is wrong"),
        (InspectRequest, {"off": ["layer1.0", 7]}, "off.1 is wrong"),
        (InspectRequest, {"channel": True}, "channel is wrong"),
    ],
)
def test_a_wrong_type_is_a_sentence_that_names_the_field(
    kind: type, given: object, says: str
) -> None:
    with pytest.raises(UserError) as refused:
        parsed(kind, given)
    assert says in str(refused.value) and "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250


def test_who_asks_is_not_believed_but_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = answering("who", TrainRequest, lambda request: {"owner": request.of_owner})
    assert asks({}, None) == {"owner": True}  # one's own machine
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    monkeypatch.setenv("RESNET_DEMO_ADMIN_TOKEN", "secret")
    assert asks({"visitor": OWNER}, None) == {"owner": False}
    assert asks({"token": "secret"}, None) == {"owner": True}
