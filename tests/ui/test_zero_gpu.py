import os

import gradio as gr
import pytest

from resnet_demo.errors import UserError
from resnet_demo.ui import zero_gpu


def test_work_begins_where_the_gpu_may_be_used_and_its_refusal_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of work that loads its network before its first step."""

    def begin() -> None:
        raise UserError(f"asked for {os.environ.get(zero_gpu.ASKED)}")

    monkeypatch.setenv(zero_gpu.ASKED, "cpu")
    assert list(zero_gpu.told(begin)) == [("refused", "asked for None")]


def test_what_was_told_is_the_answer_or_the_refusal() -> None:
    def work():
        yield "Looking", 1, 2
        return [3]

    messages = list(zero_gpu.told(work))
    assert messages == [("progress", ("Looking", 1, 2)), ("answer", [3])]
    with pytest.raises(UserError, match="taken back before the end"):
        list(zero_gpu.answered(iter(messages[:1])))


@pytest.mark.parametrize("failure", [gr.Error("Your quota is over"), RuntimeError("error: 500")])
def test_where_no_gpu_comes_it_is_one_kind_of_error(failure: Exception) -> None:
    def messages():
        yield "progress", ("Looking", 1, 2)
        raise failure

    with pytest.raises(zero_gpu.NoGpu, match="Your quota is over|error: 500"):
        list(zero_gpu.answered(messages()))
