"""What the suite itself stands on."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

WORKER = """
import os
os.sched_setaffinity(0, range(os.cpu_count()))
import tests.conftest, torch
print(torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_worker_of_the_suite_counts_its_own_core_alone() -> None:
    """Two threads that spin on one core take ten times as long."""
    environment = os.environ | {"PYTEST_XDIST_WORKER": "gw0"}
    ran = subprocess.run(
        [sys.executable, "-c", WORKER], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    assert ran.stdout.split() == [b"1"]
