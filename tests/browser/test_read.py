"""Ten steps, each with a figure that is computed when it comes into sight."""

import pytest

pytestmark = pytest.mark.browser


def figure(page, step: str):
    return page.locator(f"#read-{step} > figure")


def test_a_walk_through_the_article(shared, page) -> None:
    from playwright.sync_api import expect

    url, here = shared.url, page.locator(".rail [aria-current=step]")
    page.set_viewport_size({"width": 1300, "height": 1000})  # two steps in sight
    page.goto(f"{url}?tab=read")
    expect(figure(page, "degradation")).to_contain_text("Guess first.", timeout=60_000)
    figure(page, "degradation").locator("select").select_option("20")
    expect(figure(page, "degradation")).to_contain_text("Your guess is right", timeout=20_000)
    assert "step=degradation" in page.url and "choice=20" in page.url
    expect(here).to_have_text("1")
    page.locator(".rail a").nth(7).click()
    expect(figure(page, "listing")).to_contain_text("RuntimeError", timeout=60_000)
    expect(here).to_have_text("8")
    figure(page, "listing").locator("select").select_option("momentum")
    expect(figure(page, "listing")).to_contain_text("TypeError", timeout=20_000)
    page.goto(f"{url}?tab=read&step=shapes&choice=3")
    expect(figure(page, "shapes")).to_contain_text("256 × 14 × 14", timeout=60_000)
    expect(figure(page, "shapes")).to_be_in_viewport()


def test_it_fits_a_phone(shared, browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{shared.url}?tab=read&step=architectures")
    page.wait_for_selector("#read-architectures table", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
