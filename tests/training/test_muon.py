import pytest
import timm.optim
import torch
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.training.muon import BLOCK, Muon, in_blocks, orthogonal

SHAPES = ((8, 3, 7, 7), (16, 8, 3, 3), (16, 8, 3, 3), (32, 16, 1, 1), (10, 32), (2, 32), (16,))


def parameters() -> list[nn.Parameter]:
    torch.manual_seed(0)
    made = [torch.randn(shape) for shape in SHAPES]
    lasts = [t.to(memory_format=torch.channels_last) if t.ndim == 4 else t for t in made]
    return [nn.Parameter(t) for t in lasts]


def groups(parameters: list[nn.Parameter]) -> list[dict]:
    return [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def train(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    for seed in range(5):
        random = torch.Generator().manual_seed(seed)
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=random).to(
                memory_format=torch.channels_last if p.ndim == 4 else torch.preserve_format
            )
        optimizer.step()


def test_it_steps_as_timms_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "fast_bf16", lambda on: False)
    ours, theirs = parameters(), parameters()
    train(Muon(groups(ours), lr=0.02, weight_decay=0.01, momentum=0.6), ours)
    monkeypatch.setattr(timm.optim.muon, "zeropower_via_newtonschulz", in_float32)
    reference = timm.optim.Muon(
        groups(theirs), lr=0.02, weight_decay=0.01, momentum=0.6, nesterov=True, ns_steps=3
    )
    train(reference, theirs)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        assert torch.equal(a, b) or min(a.shape[0], a[0].numel()) >= 4  # NAdamW's, bit for bit


def in_float32(matrix: Tensor, steps: int, *args: object, **kwargs: object) -> Tensor:
    from timm.optim.muon import MUON_EPS  # what the package iterates in bfloat16

    x = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / x.norm().clamp(min=MUON_EPS)
    for a, b, c in timm.optim.muon._COEFFICIENTS["quintic"][:steps]:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if matrix.shape[0] > matrix.shape[1] else x


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_come_out_nearly_orthonormal(dtype: torch.dtype) -> None:
    stack = torch.randn(3, 32, 288, generator=torch.Generator().manual_seed(0)).to(dtype)
    values = torch.linalg.svdvals(orthogonal(stack).float())
    assert values.min() > 0.35 and values.max() < 1.3


@pytest.mark.parametrize("shape", [(2, 2 * BLOCK, 600), (2, 600, 2 * BLOCK)])
def test_large_matrices_are_made_orthogonal_block_by_block(shape: tuple[int, int, int]) -> None:
    stack = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = in_blocks(stack)
    if shape[1] > shape[2]:
        stack, found = stack.mT, found.mT
    for part in (slice(0, BLOCK), slice(BLOCK, 2 * BLOCK)):
        torch.testing.assert_close(found[:, part], orthogonal(stack[:, part]))


def test_few_rows_and_odd_numbers_of_them_are_one_block() -> None:
    for rows in (BLOCK, BLOCK + 2):
        stack = torch.randn(1, rows, 600, generator=torch.Generator().manual_seed(0))
        assert torch.equal(in_blocks(stack), orthogonal(stack))


def test_a_gradient_of_zero_moves_nothing() -> None:
    assert not orthogonal(torch.zeros(1, 4, 8)).any()
