"""What takes long gives way to everything else."""

import os

import pytest

from resnet_demo.runs.priority import NICE, OF_SESSION
from tests.commands import python

PROGRAM = """
import os
from resnet_demo.runs import priority
{before}
priority.give_way()
print(os.nice(0), priority.OF_SESSION.read_text())
"""


@pytest.mark.skipif(not OF_SESSION.exists(), reason="no autogroup: processes alone are weighed")
@pytest.mark.parametrize(("before", "session"), [("os.setsid()", NICE), ("", 0)])
def test_a_session_of_its_own_gives_way_as_a_whole(before: str, session: int) -> None:
    """That of others keeps its share."""
    done = python(dict(os.environ), "-c", PROGRAM.format(before=before))
    nice, _, _, of_session = done.stdout.split()
    assert (int(nice), int(of_session)) == (NICE, session), done.stderr
