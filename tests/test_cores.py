"""Cores are counted as this process may use them, not as the machine has them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_demo.cores import num_cores
from tests.conftest import ROOT

COUNT = "from resnet_demo.cores import num_cores; print(num_cores())"
V2, V1 = Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")


def counted(*before: str) -> int:
    command = [*before, sys.executable, "-c", COUNT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_other_cores_than_ones_own_are_not_counted() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert counted() == num_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert num_cores() == len(before)


def test_a_containers_share_of_time_is_its_number_of_cores(tmp_path: Path) -> None:
    """In a namespace of its own, where the kernel's file says that there is but one core."""
    file = V2 if V2.exists() else V1
    share = tmp_path / "share"
    share.write_text("100000 100000" if file == V2 else "100000")
    own = ("unshare", "--mount", "--map-root-user")
    if (
        not shutil.which("unshare")
        or not file.exists()
        or subprocess.run([*own, "true"]).returncode
    ):
        pytest.skip("no namespaces, or no control groups, on this machine")
    mounted = f'mount --bind {share} {file} && exec "$@"'
    assert counted(*own, "sh", "-c", mounted, "sh") == 1
