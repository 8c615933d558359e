"""From an archive on one's desktop to a network that is used, in the page."""

import re
import zipfile
from pathlib import Path

import pytest

from resnet_demo.config import BUNDLED, Home
from resnet_demo.data.library import Library
from resnet_demo.runs import control
from tests.browser.test_train import open_page, wait_for_state
from tests.conftest import draw_folder

pytestmark = pytest.mark.browser
LOCKED = """
const { webkitGetAsEntry } = DataTransferItem.prototype;
DataTransferItem.prototype.webkitGetAsEntry = function () {
  const entry = webkitGetAsEntry.call(this), kind = Object.getPrototypeOf(entry);
  const { createReader } = kind;
  kind.createReader = function () {
    return this.name === "locked" ? { readEntries: (_, fail) => fail() } : createReader.call(this);
  };
  return entry;
};
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Thirty pictures: red, green and bluu, and a page that is called a picture."""
    source = draw_folder(tmp_path / "drawn", 10, 0, px=64) / "train"
    made = tmp_path / "colours.zip"
    with zipfile.ZipFile(made, "w") as file:
        for path in source.rglob("*.png"):
            label = path.parent.name.replace("blue", "bluu")
            file.write(path, f"colours/{label}/{path.name}")
        file.writestr("colours/red/page.jpg", "<html>")
    return made


def test_an_archive_becomes_a_network(serve, page, archive: Path) -> None:
    """On a public page, whose owner has a token: there most is refused to others."""
    from playwright.sync_api import expect

    server = serve(RESNET_DEMO_PUBLIC="1", RESNET_DEMO_ADMIN_TOKEN="secret")
    open_page(page, server.url)
    wait_for_state(page, "^finished")  # the run that ships
    page.get_by_label("Admin token").fill("secret")
    page.get_by_text("My pictures", exact=True).click()
    page.get_by_role("button", name="Correct what was taken in").click()
    page.locator("#my-files input[type=file]").set_input_files(archive)
    expect(page.locator("#my-files")).to_contain_text("colours")
    # Filled last: a field that has only just been unfolded still takes its first value on.
    page.get_by_label("Name of the data set").fill("colours")
    expect(page.get_by_label("Name of the data set")).to_have_value("colours")
    page.locator("#take-in").click()
    table = page.locator("#my-table")
    expect(table).to_contain_text("Added: 30 pictures", timeout=30_000)
    expect(table).to_contain_text("page.jpg")
    page.get_by_label("Correct a class").fill("bluu")
    page.get_by_label("Its right name").fill("blue")
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(table).to_contain_text("bluu is called blue now.")
    expect(page.get_by_label("Pictures", exact=True)).to_have_value("dataset:colours")
    page.get_by_text("Start from a network that has learned", exact=True).click()
    expect(page.get_by_role("radio", name="only the classifier")).to_be_checked()
    page.get_by_text("Every setting", exact=True).click()
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("10")
    page.locator("#start").click()
    expect(page.locator("#live .title")).to_contain_text("Run 0001", timeout=60_000)
    wait_for_state(page, "^finished")
    row = control.read_run(Home(server.home), "0001")
    assert (row.data, row.arch, row.epoch) == ("dataset:colours", BUNDLED, 10)
    page.get_by_text("Final report:").click()
    number = page.locator("#live .confusion td button").first
    number.click()
    expect(page.locator("#live .behind img")).to_have_count(int(number.inner_text()))
    page.get_by_text("Use it in Classify").click()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#model-first input")).to_have_value("run:0001")
    page.locator("#look-inside").click()
    expect(page.locator("#inspect-model input")).to_have_value("run:0001")
    expect(page.locator("#inspect .tile").first).to_be_visible(timeout=60_000)
    expect(page.locator("[data-testid=toast-body]")).to_have_count(0)


def test_nothing_dropped_and_a_wrong_name_are_told(serve, page, archive: Path) -> None:
    from playwright.sync_api import expect

    server = serve()
    open_page(page, server.url)
    page.get_by_text("My pictures", exact=True).click()
    page.locator("#take-in").click()
    expect(page.get_by_text("There is nothing to take in yet.")).to_be_visible()
    page.locator("#my-files input[type=file]").set_input_files(archive)
    expect(page.locator("#my-files")).to_contain_text("colours")
    page.get_by_label("Name of the data set").fill("../up")
    page.locator("#take-in").click()
    expect(page.get_by_text("A data set's name is made of")).to_be_visible()


def test_a_folder_is_dropped_with_its_classes(serve, page, tmp_path: Path) -> None:
    """By the browser's own drag and drop: only that gives a page the folder's entries."""
    from playwright.sync_api import expect

    source = draw_folder(tmp_path / "drawn", 3, 0, px=24) / "train"
    deep = source / "red" / ("a long name " * 8) / ("and another " * 4)
    deep.mkdir(parents=True)
    (source / "red" / "000.png").rename(deep / f"{'ü' * 60}.png")  # more than a TAR's header holds
    (source / ".hidden").mkdir()
    (source / "locked").mkdir()
    page.add_init_script(LOCKED)
    open_page(page, serve().url)
    wait_for_state(page, "^finished")  # the panel's script is there
    page.get_by_text("My pictures", exact=True).click()
    page.locator("#my-files").scroll_into_view_if_needed()
    page.locator("#my-files input[type=file]").wait_for(state="attached")
    box = page.locator("#my-files").bounding_box()
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "data": {"items": [], "files": [str(source)], "dragOperationsMask": 1},
            },
        )
    expect(page.get_by_role("row", name="train.tar")).to_be_visible()
    page.locator("#take-in").click()
    table = page.locator("#my-table")
    expect(table).to_contain_text("Added: 9 pictures", timeout=30_000)
    expect(table).to_contain_text("the folder locked cannot be listed")
    for name in ("blue", "green", "red"):
        expect(table.get_by_role("row", name=f"{name} 3")).to_be_visible()


def test_a_picture_is_moved_to_another_class(serve, page, archive: Path) -> None:
    from playwright.sync_api import expect

    open_page(page, serve().url)
    page.get_by_text("My pictures", exact=True).click()
    page.get_by_role("button", name="Correct what was taken in").click()
    page.locator("#my-files input[type=file]").set_input_files(archive)
    expect(page.locator("#my-files")).to_contain_text("colours")
    page.locator("#take-in").click()
    table = page.locator("#my-table")
    expect(table.get_by_role("row", name="red 10")).to_be_visible(timeout=30_000)
    page.get_by_label("Correct a class").fill("red")
    page.get_by_role("button", name="Show its pictures").click()
    pictures = page.locator("#my-gallery button img")
    expect(pictures).to_have_count(10, timeout=20_000)
    pictures.first.click()
    page.get_by_label("The class of 000.png").fill("green")
    page.get_by_role("button", name="Move the picture", exact=True).click()
    expect(table.get_by_role("row", name="green 11")).to_be_visible(timeout=20_000)
    expect(page.get_by_label("The class of the chosen picture")).to_be_visible()
    expect(pictures).to_have_count(9)
    page.get_by_role("button", name="Remove the picture").click()
    page.get_by_text("Choose a picture first").wait_for()


def test_the_camera_takes_a_burst_for_each_class(serve, page) -> None:
    """Chromium's camera of its own draws a moving picture."""
    from playwright.sync_api import expect

    server = serve()
    open_page(page, server.url)
    wait_for_state(page, "^finished")  # the page listens
    page.get_by_text("My pictures", exact=True).click()
    page.get_by_role("button", name="Take some with the camera").click()
    burst = page.get_by_role("button", name="Hold to take pictures")
    burst.click()
    expect(page.locator(".camera .taken")).to_have_text("Name the class first.")
    for label in ("disc", "clock"):
        page.get_by_label("Class of what it sees").fill(label)
        burst.hover()
        page.mouse.down()
        six_or_more = re.compile(rf"{label}: ([6-9]|\d\d)")
        expect(page.locator(".camera .taken")).to_have_text(six_or_more, timeout=30_000)
        page.mouse.up()
    page.get_by_role("button", name="Use these").click()
    expect(page.locator("#my-files")).to_contain_text("camera")
    page.locator("#take-in").click()
    table = page.locator("#my-table")
    expect(table).to_contain_text("Added: ", timeout=30_000)
    counts = Library(Home(server.home), "mine").open().table()["classes"]
    assert {row["name"] for row in counts} == {"disc", "clock"}
    assert all(row["n"] >= 6 for row in counts)
