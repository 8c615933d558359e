"""Click a block, switch it off, move through the epochs: as a person does it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.palette import PALETTE
from resnet_demo.runs import control
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
PANEL = "#inspect .inspect"
SILENT = 4  # channel of layer2.0 in the bundled resnet56: zero for all drawn pictures
COLUMNS = 6  # of its sheet of 32 channels


def wait_drawn(page, model: str, before: str = "") -> str:
    """Until everything about a picture is drawn for `model`; returns a mark of it."""
    page.wait_for_function(
        f"([model, before]) => {{ const drawn = document.querySelector('{PANEL}')?.dataset.drawn;"
        " return drawn && drawn !== before && drawn.split(' ')[1] === model + '+'; }",
        arg=[model, before],
        timeout=60_000,
    )
    return page.evaluate(f"document.querySelector('{PANEL}').dataset.drawn")


def give(page, path: Path) -> None:
    page.get_by_label("Remove image").or_(page.get_by_label("Clear")).locator(
        "visible=true"
    ).first.click()
    page.locator("#inspect-picture input[type=file]").set_input_files(
        {"name": path.name, "mimeType": "image/png", "buffer": path.read_bytes()}
    )


def choose(page, box: str, model: str) -> None:
    page.locator(f"{box} input").fill(model)
    page.locator(f"{box} input").press("Enter")


def turn_dark(page, title: str) -> None:
    """The newest chart of this title follows."""
    ink = (
        "([title, ink]) => Bokeh.documents.flatMap((one) => one.roots())"
        ".filter((one) => one.title?.text === title).at(-1)?.title.text_color === ink"
    )
    for theme, colour in zip(("light", "dark"), PALETTE["ink"], strict=True):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", theme == "dark")
        page.wait_for_function(ink, arg=[title, colour])


def test_click_cut_and_compare_with_the_command(shared, page, red: Path, command: Callable) -> None:
    from playwright.sync_api import expect

    page.goto(shared.url)
    page.get_by_role("tab", name="Inspect").click()
    before = wait_drawn(page, "bundled:resnet56")
    give(page, red)
    before = wait_drawn(page, "bundled:resnet56", before)
    page.wait_for_function(f"document.querySelector('{PANEL}').dataset.drawn.endsWith('plain56+')")
    told = json.loads(command("inspect", "bundled:resnet56", red, "--json").stdout)
    blocks = {row["name"]: row for row in told["blocks"]}
    first = page.locator("#inspect .side").first
    tile = first.locator("[data-block='layer2.0']")
    tile.click()
    expect(tile).to_have_attribute("aria-pressed", "true")
    for measure in ("relative_grad_norm", "branch_over_shortcut", "receptive_field_px", "deletion"):
        page.locator("#inspect .measure").select_option(measure)
        for name, row in blocks.items():
            drawn = first.locator(f"[data-block='{name}']").get_attribute("data-value")
            wanted = row[measure]
            assert (
                (drawn == "") if wanted is None else float(drawn) == pytest.approx(wanted, rel=2e-2)
            )
    expect(first.locator(".facts")).to_contain_text("32 × 32 × 32")
    page.get_by_role("button", name="Switch this block off").first.click()
    expect(first.locator(".after")).to_contain_text("Without layer2.0", timeout=20_000)
    expect(page.locator("#inspect .side").nth(1)).to_contain_text("plain network has no shortcuts")


def test_a_channel_is_looked_at_and_cut(shared, page) -> None:
    from playwright.sync_api import expect

    page.goto(f"{shared.url}?tab=inspect&model=bundled:resnet56&beside=bundled:plain56")
    page.wait_for_function(
        f"document.querySelector('{PANEL}')?.dataset.drawn?.endsWith('plain56+')"
    )
    first = page.locator("#inspect .side").first
    first.locator("[data-block='layer2.0']").click()
    page.get_by_role("button", name="Switch this block off").first.click()
    expect(first.locator(".after")).to_contain_text("Without layer2.0", timeout=20_000)
    first.get_by_text("channels: click one").click()
    width = first.locator(".sheet").bounding_box()["width"]
    place = {"x": width * (SILENT + 0.5) / COLUMNS, "y": 5}
    first.locator(".sheet").click(position=place)
    expect(first.locator(".channels p").first).to_contain_text(f"Channel {SILENT}: mean")
    page.locator("#inspect .n").fill("20")
    page.get_by_role("button", name="Which pictures does this channel answer?").click()
    result = page.locator("#inspect .result")
    expect(result).to_contain_text(f"channel {SILENT} of layer2.0", timeout=60_000)
    expect(result).to_contain_text("silent for all of them")
    every = first.locator(".sheet").bounding_box()
    first.locator(".sheet").click(position={"x": every["width"] / 2, "y": every["height"] / 2})
    expect(first.locator(".channels p").first).not_to_contain_text(f"Channel {SILENT}:")
    page.get_by_role("button", name="Switch channel").click()
    expect(first.locator(".after")).to_contain_text(" of layer2.0", timeout=20_000)
    page.get_by_role("button", name="Undo: switch channel").first.click()
    expect(first.locator(".after")).not_to_contain_text("channel")
    page.get_by_role("button", name="Which pictures does this channel answer?").click()
    expect(page.locator("#inspect .tops figure")).to_have_count(9, timeout=60_000)
    page.get_by_role("button", name="What does each block know?").click()
    expect(page.locator("#inspect .result caption")).to_contain_text(
        "linear classifier", timeout=90_000
    )
    expect(page.locator("#inspect .result tbody tr")).to_have_count(56)
    expect(page.locator("#inspect .losses figcaption")).to_contain_text("after the stem")


def test_experiments_on_the_picture(shared, page) -> None:
    """Dimmers, paths, code, and what is known early; the view has an address."""
    from playwright.sync_api import expect

    address = "?tab=inspect&model=bundled:resnet56&beside=bundled:plain56&block=layer2.4"
    page.goto(f"{shared.url}{address}&off=layer1.2")
    wait_drawn(page, "bundled:resnet56")
    first = page.locator("#inspect .side").first
    expect(first.locator("[data-block='layer2.4']")).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".after")).to_contain_text("Without layer1.2", timeout=20_000)
    first.get_by_role("button", name="how far it sees").click()
    expect(first.locator(".picture figcaption")).to_contain_text("px of 64", timeout=20_000)
    page.locator("#inspect .dim-b").fill("0.8")
    dimmed = page.locator("#inspect .dimmed > div")
    expect(dimmed.first.locator(".bars tr")).to_have_count(5, timeout=20_000)
    expect(dimmed.nth(1)).to_contain_text("nothing to dim")
    page.locator("#inspect .n").fill("20")
    page.get_by_role("button", name="Accuracy at these strengths").click()
    result = page.locator("#inspect .result")
    expect(result).to_contain_text("1 F(x) + 0.8 x in all blocks", timeout=60_000)
    page.get_by_role("button", name="Split the gradient").click()
    paths = page.locator("#inspect .paths > div")
    expect(paths).to_have_count(2, timeout=60_000)
    paths.first.locator("input[type=range]").fill("10")
    expect(paths.first).to_contain_text("at most 10 of 27 blocks")
    page.get_by_role("button", name="Show the code").click()
    expect(page.locator("#inspect .walk")).to_contain_text("self.bn2(self.conv2", timeout=20_000)
    page.locator("#inspect .walk .makes").first.hover()
    expect(page.locator("#inspect .walk .lit")).to_have_attribute("data-name", "F(x)")
    page.get_by_role("button", name="What would it say").click()
    expect(page.locator("#inspect .knows")).to_contain_text("for good from", timeout=60_000)
    turn_dark(page, "From here on shortcuts only")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: null })")  # as by http
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#inspect")).to_contain_text("does not copy by itself: http://127")
    assert "off=layer1.2" in page.url and "block=layer2.4" in page.url


def test_what_was_found_goes_with_its_picture_and_dimmers_stay(shared, page, red: Path) -> None:
    from playwright.sync_api import expect

    page.goto(f"{shared.url}?tab=inspect&model=bundled:resnet56&block=layer2.4")
    before = wait_drawn(page, "bundled:resnet56")
    page.locator("#inspect .dim-where").select_option("one")
    page.locator("#inspect .dim-b").fill("0.5")
    dimmed = page.locator("#inspect .dimmed > div").first
    expect(dimmed.locator("caption")).to_contain_text("1 F(x) + 0.5 x in layer2.4", timeout=20_000)
    page.locator("#inspect .side [data-block='layer1.2']").first.click()
    expect(dimmed.locator("caption")).to_contain_text("in layer1.2", timeout=20_000)
    page.get_by_role("button", name="Split the gradient").click()
    expect(page.locator("#inspect .paths > div").first).to_contain_text("Paths through at most")
    page.get_by_role("button", name="Show the code").click()
    expect(page.locator("#inspect .walk")).to_contain_text("layer1.2 of bundled:resnet56")
    page.get_by_role("button", name="What would it say").click()
    expect(page.locator("#inspect .knows")).to_be_visible()
    first = dimmed.inner_text()
    give(page, red)
    wait_drawn(page, "bundled:resnet56", before)
    for place in (".paths", ".walk"):
        expect(page.locator(f"#inspect {place} > *")).to_have_count(0)
    expect(page.locator("#inspect .knows")).to_be_hidden()
    expect(dimmed.locator("caption")).to_contain_text("in layer1.2", timeout=20_000)
    assert dimmed.inner_text() != first


def test_the_epochs_of_a_run(serve, page, red: Path, config: TrainConfig, home: Home) -> None:
    from playwright.sync_api import expect

    run = control.start(home, config)
    wait_until(lambda: control.read_run(home, run).state == "finished")
    page.goto(f"{serve(home.path).url}/?tab=inspect&model=run:{run}")
    before = wait_drawn(page, f"run:{run}")
    expect(page.locator("#inspect .through")).to_be_visible()
    slider = page.locator("#inspect .epoch")
    slider.focus()
    slider.press("Home")
    wait_drawn(page, f"run:{run}@1", before)
    expect(page.locator("#inspect .through output")).to_have_text("1")
    assert page.locator("#inspect .data").input_value() == config.data
    page.locator("#inspect .n").fill("12")
    page.get_by_role("button", name="All blocks, one at a time").click()
    result = page.locator("#inspect .result")
    expect(result).to_contain_text("on 12 pictures", timeout=60_000)
    assert result.locator("tbody tr").count() == 3
    with page.expect_download(timeout=60_000) as event:
        page.get_by_role("button", name="Export as GIF").click()
    assert Path(event.value.path()).read_bytes()[:3] == b"GIF"


def test_wrong_models_and_wrong_pictures_leave_the_page_alive(
    shared, page, red: Path, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page.goto(f"{shared.url}/?tab=inspect")
    wait_drawn(page, "bundled:resnet56")
    choose(page, "#inspect-model", "run:9999")
    expect(page.locator("#inspect .told")).to_contain_text("There is no run '9999'", timeout=20_000)
    expect(page.locator("#inspect .side")).to_have_count(1)  # the other network is still there
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"this is not a picture")
    give(page, bad)
    expect(page.locator("#inspect .told")).to_contain_text("not a picture", timeout=20_000)
    choose(page, "#inspect-model", "bundled")
    give(page, red)
    page.wait_for_selector("#inspect [data-block='layer4.1']", timeout=60_000)
    page.get_by_role("button", name="Before any training").click()
    expect(page.locator("#inspect .result")).to_contain_text("plain110", timeout=120_000)
    turn_dark(page, "Gradients before training")


def test_the_profile_is_drawn_for_a_measure_and_a_theme_not_for_a_block(shared, page) -> None:
    from playwright.sync_api import expect

    page.goto(f"{shared.url}?tab=inspect&model=bundled:resnet56&beside=bundled:plain56")
    panel = page.locator(PANEL)
    expect(panel).to_have_attribute("data-drawn", re.compile(r" bundled:plain56\+$"))
    figure = panel.locator(".profile .bk-Figure")
    expect(figure).to_have_count(1)
    figure.evaluate("figure => figure.classList.add('seen')")
    block = panel.locator(".side").first.locator("[data-block='layer1.2']")
    block.click()
    expect(block).to_have_attribute("aria-pressed", "true")
    expect(figure).to_have_class(re.compile("seen"))
    page.evaluate("document.body.classList.toggle('dark')")
    expect(figure).not_to_have_class(re.compile("seen"))
    figure.evaluate("figure => figure.classList.add('seen')")
    panel.locator(".measure").select_option(index=1)
    expect(figure).not_to_have_class(re.compile("seen"))
