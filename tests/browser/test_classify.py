"""Drop, paste, change the network, clear, many at once: as a person does it."""

import base64
import re
from pathlib import Path

import pytest

from resnet_demo.config import Home
from tests.classify.test_predictor import saved
from tests.conftest import Server

pytestmark = pytest.mark.browser
DROP = """([box, files]) => {
  const data = new DataTransfer();
  for (const [name, text, type] of files)
    data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name, {type}));
  for (const kind of ["dragenter", "dragover", "drop"])
    box.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
}"""
PASTE = """async text => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const item = new ClipboardItem({"image/png": new Blob([bytes], {type: "image/png"})});
  await navigator.clipboard.write([item]);
}"""


@pytest.fixture(scope="module")
def run(shared: Server) -> str:
    """The weights of a run that knows three colours."""
    folder = Home(shared.home).runs / "0001" / "weights"
    folder.mkdir(parents=True)
    saved(folder / "best.safetensors")
    return "run:0001"


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def open_tab(page, url: str, model: str) -> None:
    page.goto(f"{url}/?tab=classify&model={model}")
    page.wait_for_selector("#picture button", timeout=30_000)
    page.wait_for_function(
        "model => document.querySelector('#model-first input')?.value === model", arg=model
    )


def drop(page, path: Path) -> None:
    box = page.locator("#picture button", has_text="Drop").first.element_handle()
    page.evaluate(DROP, [box, [[path.name, encoded(path), "image/png"]]])


def opinion(page, column: str = "first"):
    return page.locator(f"#opinion-{column}")


def test_drop_change_look_and_clear(shared, page, run: str, red: Path) -> None:
    from playwright.sync_api import expect

    open_tab(page, shared.url, run)
    drop(page, red)
    expect(opinion(page)).to_contain_text("It knows 3 things", timeout=60_000)
    assert opinion(page).locator(".bars tr").count() == 3
    plain = opinion(page).locator("img").get_attribute("src")
    page.locator("#look input").check()
    expect(opinion(page)).to_contain_text("where it looks for")
    assert opinion(page).locator("img").get_attribute("src") != plain
    page.locator("#model-first input").fill("bundled")
    page.locator("#model-first input").press("Enter")
    expect(opinion(page)).to_contain_text("It knows 10 things", timeout=60_000)
    page.get_by_text("A second network beside it").click()
    page.locator("#model-second input").fill(run)
    page.locator("#model-second input").press("Enter")
    expect(opinion(page, "second")).to_contain_text("It knows 3 things", timeout=60_000)
    page.get_by_label("Remove image").or_(page.get_by_label("Clear")).first.click()
    expect(opinion(page)).to_contain_text("Drop a photograph")


def test_the_camera(shared, page, run: str) -> None:
    from playwright.sync_api import expect

    page.context.grant_permissions(["camera"], origin=shared.url)
    open_tab(page, shared.url, run)
    page.locator("#picture").get_by_label("Capture from camera").click()
    page.locator("#picture").get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#picture video')?.videoWidth > 0")
    page.locator("#picture").get_by_label("capture photo").click()
    expect(opinion(page)).to_contain_text("It knows 3 things", timeout=60_000)


def test_a_picture_is_looked_into(shared, page, run: str, red: Path) -> None:
    from playwright.sync_api import expect

    open_tab(page, shared.url, run)
    drop(page, red)
    expect(opinion(page)).to_contain_text("It knows 3 things", timeout=60_000)
    page.locator("#look-inside").click()
    expect(page.locator("#inspect .side h2").first).to_contain_text(run, timeout=60_000)
    told = page.evaluate("document.querySelector('#inspect .inspect').record()[0].class")
    assert told in ("blue", "green", "red")


def test_paste_and_examples(shared, page, run: str, red: Path) -> None:
    from playwright.sync_api import expect

    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shared.url)
    open_tab(page, shared.url, run)
    page.evaluate(PASTE, encoded(red))
    page.get_by_label("Paste from clipboard").first.click()
    expect(opinion(page)).to_contain_text("It knows 3 things", timeout=60_000)
    before = opinion(page).locator("img").get_attribute("src")
    page.locator("#examples button, .gallery-item").first.click()
    expect(opinion(page).locator("img")).not_to_have_attribute("src", before, timeout=60_000)


def test_wrong_files_and_wrong_networks_are_told(shared, page, run: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    open_tab(page, shared.url, run)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"this is not a picture")
    drop(page, bad)
    refusal = opinion(page).get_by_role("alert")
    expect(refusal).to_contain_text("not a picture", timeout=60_000)
    assert str(tmp_path) not in refusal.inner_text()
    assert page.locator("[data-testid=toast-body]").count() == 0


def test_an_answer_belongs_to_the_picture_that_is_shown(shared, page, run, red: Path) -> None:
    from playwright.sync_api import expect

    open_tab(page, shared.url, run)
    drop(page, red)
    expect(opinion(page)).to_contain_text("It knows 3 things", timeout=60_000)
    page.locator("#model-first input").fill("run:0999")
    page.locator("#model-first input").press("Enter")
    expect(opinion(page).get_by_role("alert")).to_contain_text("no run '0999'", timeout=60_000)
    assert opinion(page).locator(".bars").count() == 0


def test_many_at_once(shared, page, run: str, pictures: Path, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    open_tab(page, shared.url, run)
    page.get_by_text("Several pictures").click()
    page.locator("#batch-run").click()
    page.get_by_text("There are no pictures").first.wait_for()
    expect(page.locator("#batch-run")).to_be_enabled()
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    good = sorted((pictures / "val").rglob("*.png"))
    page.locator("#batch-files input[type=file]").set_input_files([*map(str, good), str(bad)])
    expect(page.locator("#batch-files")).to_contain_text("bad", timeout=30_000)
    expect(page.locator("#batch-stop")).to_be_disabled()
    page.locator("#batch-run").click()
    table = page.locator("#batch-table")
    expect(table).to_contain_text(f"Pictures classified: {len(good)}, refused: 1", timeout=60_000)
    assert table.locator("tr").count() == len(good) + 2
    expect(table).to_contain_text("not a picture")
    expect(page.locator("#batch-stop")).to_be_disabled()
    expect(page.locator("#batch-run")).to_be_enabled()
    with page.expect_download() as event:
        page.locator("#batch-csv").click()
    lines = Path(event.value.path()).read_text().splitlines()
    assert len(lines) == len(good) + 2
    assert re.match(r"picture,class_1,probability_1,", lines[0])


def test_the_network_is_taken_away(shared, page, run: str) -> None:
    from playwright.sync_api import expect

    open_tab(page, shared.url, run)
    page.get_by_text("Take this network with you").click()
    page.locator("#takeaway-write").click()
    expect(page.locator("#takeaway-said")).to_contain_text("the same bit for bit", timeout=60_000)
    with page.expect_download() as event:
        page.locator("#takeaway-download").click()
    assert event.value.suggested_filename == "run-0001.safetensors"
    assert Path(event.value.path()).stat().st_size > 100_000
    page.locator("#takeaway-format").get_by_text("timm:").click()
    expect(page.locator("#takeaway-download")).to_be_hidden()  # it was the other format's
    page.locator("#takeaway-write").click()
    expect(page.get_by_text("Take safetensors or onnx").first).to_be_visible(timeout=60_000)


def test_the_network_is_pushed_to_the_hub(serve, page, hub, tmp_path: Path) -> None:
    page.goto(f"{serve(**hub, HF_TOKEN='hf_good').url}/?tab=classify")
    page.get_by_text("Push this network to the Hub").click()
    page.get_by_label("Repository").fill("me/net")
    page.locator("#push-send").click()
    page.get_by_text("Choose a licence").wait_for()
    page.get_by_label("Licence of the weights").click()
    page.get_by_role("option", name="mit", exact=True).click()
    page.get_by_label("And a Space of the same name").check()
    page.locator("#push-send").click()
    page.locator("#push-said a", has_text="Its Space").wait_for(timeout=60_000)
    assert "license: mit" in (tmp_path / "hub/me/net/README.md").read_text()
    assert "hub:me/net" in (tmp_path / "hub/spaces/me/net/app.py").read_text()
