import pytest
import torch

from resnet_demo import device
from resnet_demo.errors import UserError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """Makes torch say which devices are there."""

    def there(*kinds: str) -> None:
        for kind in ("cuda", "mps", "xpu"):
            monkeypatch.setattr(
                getattr(torch, kind), "is_available", lambda kind=kind: kind in kinds
            )

    monkeypatch.delenv(device.VARIABLE, raising=False)
    return there


def test_the_first_device_that_is_there_is_taken(gpus) -> None:
    gpus()
    assert device.device() == torch.device("cpu")
    gpus("mps")
    assert device.device() == torch.device("mps")
    gpus("cuda", "xpu")
    assert device.device() == torch.device("cuda", 0)


def test_each_process_has_a_gpu_of_its_own(gpus, monkeypatch) -> None:
    gpus("cuda")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device.device() == torch.device("cuda", 3)


def test_another_can_be_asked_for(gpus, monkeypatch) -> None:
    gpus("cuda")
    monkeypatch.setenv(device.VARIABLE, "cpu")
    assert device.device() == torch.device("cpu")
    monkeypatch.setenv(device.VARIABLE, "xpu")
    with pytest.raises(UserError, match="torch finds no xpu device here, only cuda, cpu."):
        device.device()
    monkeypatch.setenv(device.VARIABLE, "tpu")
    with pytest.raises(UserError, match="tpu"):
        device.device()


@pytest.mark.parametrize(
    "name, has, expected",
    [
        ("AMD EPYC", ["avx512_bf16"], True),
        ("Intel Xeon", ["avx512_bf16"], True),  # Cooper Lake
        ("Intel Xeon", ["avx512_bf16", "avx512_fp16", "amx_bf16"], True),
        ("Intel Xeon", ["avx512_bf16", "avx512_fp16"], False),  # AMX hidden: slower than float32
        ("AMD EPYC", [], False),
    ],
)
def test_bfloat16_is_taken_where_it_is_faster(
    name: str, has: list[str], expected: bool, monkeypatch
) -> None:
    found = {"cpu_name": name} | dict.fromkeys(has, True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert device.fast_bf16(torch.device("cpu")) is expected
