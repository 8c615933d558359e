import pytest
import torch

from resnet_demo.training.temperature import HIGHEST, fit_temperature


@pytest.mark.parametrize("wanted", [0.5, 1.0, 3.0])
def test_it_finds_by_how_much_logits_were_scaled(wanted: float) -> None:
    random = torch.Generator().manual_seed(0)
    honest = torch.randn(20_000, 5, generator=random)
    labels = torch.multinomial(honest.softmax(1), 1, generator=random)[:, 0]
    assert fit_temperature(wanted * honest, labels) == pytest.approx(wanted, rel=0.05)


def test_it_stays_within_its_bounds() -> None:
    assert fit_temperature(torch.empty(0, 3), torch.empty(0, dtype=torch.long)) == 1.0
    wrong = fit_temperature(torch.eye(3).repeat(50, 1), torch.tensor([1, 2, 0]).repeat(50))
    assert wrong == pytest.approx(HIGHEST, rel=0.01)
