import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resnet_demo.models import build
from resnet_demo.probe.anatomy import anatomy, walk
from resnet_demo.probe.gradients import gradient_norms, input_gradients, receptive_field


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("resnet8", 5).eval().double()


def test_gradients_agree_with_finite_differences(model) -> None:
    """Along random directions, at the output of every block and for its weights."""
    images, target, step = torch.randn(1, 3, 16, 16).double(), 3, 1e-6
    view = anatomy(model)
    steps = list(walk(view, images))
    loss = F.cross_entropy(view.head(steps[-1].out), torch.tensor([target]))
    outs = torch.autograd.grad(loss, [s.out for s in steps], retain_graph=True)

    def loss_from(place: int, x: torch.Tensor) -> float:
        with torch.no_grad():
            for part in view.parts[place:]:
                x = part.out(x)
            return F.cross_entropy(view.head(x), torch.tensor([target])).item()

    for place, (one, gradient) in enumerate(zip(steps, outs)):
        direction = gradient / gradient.norm()
        ahead, behind = (loss_from(place, one.out.detach() + s * step * direction) for s in (1, -1))
        assert (ahead - behind) / (2 * step) == pytest.approx(gradient.norm().item(), rel=1e-5)
    rows = gradient_norms(view, steps, view.head(steps[-1].out), target)
    assert [row["grad_norm"] for row in rows] == pytest.approx([g.norm().item() for g in outs])


def test_norms_against_numpy(model) -> None:
    images = torch.randn(1, 3, 16, 16).double()
    view = anatomy(model)
    steps = list(walk(view, images))
    row = gradient_norms(view, steps, view.head(steps[-1].out), 1)[2]
    F.cross_entropy(model(images), torch.tensor([1])).backward()
    block = list(model.layer2[0].parameters())
    grad = np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in block))
    weight = np.sqrt(sum((p.detach().numpy() ** 2).sum() for p in block))
    assert row["param_grad_norm"] == pytest.approx(grad, rel=1e-9)
    assert row["param_norm"] == pytest.approx(weight, rel=1e-9)
    assert row["relative_grad_norm"] == pytest.approx(grad / weight, rel=1e-9)


def test_the_first_convolution_hangs_on_nine_pixels(model) -> None:
    images = torch.randn(1, 3, 33, 33).double().requires_grad_()
    gradients = input_gradients(images, list(walk(anatomy(model), images)))
    centre = gradients[0].nonzero()
    assert centre.min(0).values.tolist() == [15, 15] and centre.max(0).values.tolist() == [17, 17]
    assert 1 <= receptive_field(gradients[0]) <= 3
    reached = [float(g.ne(0).sum()) ** 0.5 for g in gradients]
    assert reached == sorted(reached)  # deeper blocks hang on more


def test_nothing_seen_is_no_field() -> None:
    assert receptive_field(torch.zeros(4, 4)) == 0
