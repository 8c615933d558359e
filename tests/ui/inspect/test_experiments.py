import pytest

from resnet_demo.errors import UserError
from resnet_demo.ui.inspect import experiments
from resnet_demo.ui.inspect.experiments import code, dim, early, field, paths
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest, parsed
from tests.ui.inspect.test_panel import asked, inspector  # noqa: F401


def test_dimmers_at_one_change_nothing_and_below_it_something(inspector, asked) -> None:  # noqa: F811
    whole = inspector.cut(asked)["top"]
    assert dim(inspector, asked)["top"] == whole
    weaker = asked.model_copy(update={"b": 0.5})
    assert dim(inspector, weaker)["top"] != whole
    one = dim(inspector, weaker.model_copy(update={"block": "layer3.8"}))["top"]
    assert one not in (whole, dim(inspector, weaker)["top"])


@pytest.mark.parametrize("given", [{"a": -1}, {"b": 2.5}, {"a": "much"}, {"b": float("nan")}])
def test_dimmers_have_ends(given: dict) -> None:
    with pytest.raises(UserError, match="is wrong"):
        parsed(InspectRequest, given)


def test_a_plain_network_cannot_be_dimmed(inspector: Inspector, asked) -> None:  # noqa: F811
    plain = asked.model_copy(update={"model": "bundled:plain56"})
    with pytest.raises(UserError, match="no shortcuts"):
        dim(inspector, plain)


def test_paths_come_with_a_picture_for_each_length(inspector: Inspector, asked) -> None:  # noqa: F811
    told = paths(inspector, asked)
    assert len(told["shares"]) == len(told["pictures"]) == 28
    assert sum(told["shares"]) == pytest.approx(100) and 0 < told["mean"] < 27


def test_a_stranger_has_no_huge_network_split(inspector, asked, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(experiments, "MOST_PUBLIC_WORK", 27**2 * 64**2 - 1)
    assert paths(inspector, asked)  # on one's own machine
    monkeypatch.setattr(experiments, "is_public", lambda: True)
    with pytest.raises(UserError, match="27 blocks and sees 64 px. Choose a smaller one"):
        paths(inspector, asked)


def test_after_the_last_block_it_knows_what_the_network_says(inspector, asked) -> None:  # noqa: F811
    rows = early(inspector, asked)["rows"]
    whole = inspector.cut(asked)
    assert [row["name"] for row in rows][:2] == ["stem", "layer1.0"] and len(rows) == 28
    assert rows[-1]["probability"] == pytest.approx(whole["probability"], rel=1e-5)
    assert rows[-1]["class"] == whole["top"][0]["class"]


def test_how_far_a_block_sees_is_what_its_tile_says(inspector, asked) -> None:  # noqa: F811
    rows = {row["name"]: row for row in inspector.looked(asked).record["blocks"]}
    for row, more in zip(rows.values(), inspector.deeper(asked)["blocks"]):
        row["px"] = more["receptive_field_px"]
    for name in ("stem", "layer2.0", "layer3.8"):
        told = field(inspector, asked.model_copy(update={"block": name}))
        assert told["px"] == pytest.approx(rows[name]["px"], abs=0.5)
        assert told["over"].startswith("data:image/jpeg")
    with pytest.raises(UserError, match="no block"):
        field(inspector, asked.model_copy(update={"block": "layer9.9"}))


def test_a_block_is_shown_in_its_own_words(inspector: Inspector, asked) -> None:  # noqa: F811
    told = code(inspector, asked.model_copy(update={"block": "layer2.0"}))
    text = "\n".join(line["text"] for line in told["lines"])
    assert "self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))" in text
    shapes = [value["shape"] for value in told["values"]]
    assert shapes == [[16, 64, 64], [32, 32, 32], [32, 32, 32], [32, 32, 32]]
    with pytest.raises(UserError, match="no block"):
        code(inspector, asked.model_copy(update={"block": "layer9.9"}))
