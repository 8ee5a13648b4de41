"""The page as people meet it: in a real browser, on a wide screen and on a phone, light and dark."""

from pathlib import Path

import pytest

from artifactflow.report.collect import collect, find_record
from artifactflow.report.page import render_page

OVERFLOW = """
[...document.querySelectorAll('body *')].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !one.closest('.scroll, .drawing, nav, .skip');
}).map((one) => one.tagName + '.' + one.className)
"""


@pytest.fixture(scope="module")
def page(demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render_page(collect(demo.store, find_record(demo.store))), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_every_window_folded_and_unfolded(browser, page: Path, width: int, scheme: str):
    browser.open(page, width=width, scheme=scheme)
    for unfold in (False, True):
        if unfold:
            browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert browser.ask("document.documentElement.scrollWidth") <= width
        assert browser.ask(OVERFLOW) == []
    assert browser.complaints() == []
    assert browser.requested() == [page.as_uri()]


def test_the_colours_follow_the_scheme(browser, page: Path):
    colour = "getComputedStyle(document.body).backgroundColor"
    browser.open(page, scheme="light")
    light = browser.ask(colour)
    browser.open(page, scheme="dark")
    assert browser.ask(colour) != light


def test_a_phone_gets_the_drawing_that_goes_downwards(browser, page: Path):
    shown = "[...document.querySelectorAll('.drawing')].filter((one) => one.offsetWidth).map((one) => one.className)"
    browser.open(page, width=390)
    assert browser.ask(shown) == ["drawing tall"]
    browser.open(page, width=1280)
    assert browser.ask(shown) == ["drawing wide"]


def test_steps_unfold_by_click_and_by_key(browser, page: Path):
    browser.open(page)
    opened = "document.querySelector('#step-1').open"
    assert browser.ask(opened) is False
    browser.ask("document.querySelector('#step-1 > summary').click()")
    assert browser.ask(opened) is True
    browser.ask("document.querySelector('#step-1 > summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
    assert browser.ask(opened) is False


def test_a_failed_step_is_unfolded_from_the_beginning(browser, page: Path):
    browser.open(page)
    opened = browser.ask("[...document.querySelectorAll('#steps .item[open] h3')].map((one) => one.textContent)")
    assert opened == ["publish"]


def test_a_box_of_the_drawing_leads_to_its_step_and_unfolds_it(browser, page: Path):
    browser.open(page)
    browser.ask("document.querySelector('.drawing.wide a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    browser.ask("new Promise((done) => setTimeout(done, 100))")
    assert browser.ask("location.hash") == "#step-1"
    assert browser.ask("document.querySelector('#step-1').open") is True


def test_an_artifact_leads_to_what_it_was_made_from(browser, page: Path):
    browser.open(page)
    browser.ask("document.querySelector('#artifact-2 .lineage .ref').click()")
    browser.ask("new Promise((done) => setTimeout(done, 100))")
    assert browser.ask("document.querySelector(location.hash + ' h3').textContent") == "raw:v1"
    assert browser.ask("document.querySelector(location.hash).open") is True


def test_all_steps_unfold_and_fold_at_once(browser, page: Path):
    browser.open(page)
    count = "document.querySelectorAll('#steps .item[open]').length"
    browser.ask("document.querySelector('#steps [data-fold=open]').click()")
    assert browser.ask(count) == browser.ask("document.querySelectorAll('#steps .item').length")
    browser.ask("document.querySelector('#steps [data-fold=\"\"]').click()")
    assert browser.ask(count) == 0


def test_the_filter_leaves_the_steps_that_have_the_word(browser, page: Path):
    browser.open(page)
    browser.ask("""{ const field = document.querySelector('[data-filter]');
        field.value = 'FAILED'; field.dispatchEvent(new Event('input')); }""")
    shown = "[...document.querySelectorAll('#steps .item')].filter((one) => one.offsetHeight).length"
    assert browser.ask(shown) == 1


def test_on_paper_everything_is_unfolded(browser, page: Path):
    browser.open(page)
    browser.ask("dispatchEvent(new Event('beforeprint'))")
    assert browser.ask("document.querySelectorAll('details.item:not([open])').length") == 0
    browser.ask("dispatchEvent(new Event('afterprint'))")
    assert browser.ask("document.querySelectorAll('#steps .item[open]').length") == 1


def test_it_can_be_read_without_its_script(browser, page: Path):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        tree = browser.call("DOM.getDocument", depth=-1)
        assert "epoch 2" in str(tree)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    browser.open(page)
    assert browser.ask("document.querySelector('.tools').hidden") is False


def test_figures_are_seen_and_their_scripts_do_not_run(browser, history, tmp_path: Path):
    svg = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30" onload="top.hacked=1">
        <script>top.hacked = 1; fetch('http://127.0.0.1:9/')</script><image href="http://127.0.0.1:9/x.png"/></svg>"""
    history.step("<img src=x onerror='top.hacked=1'>", outputs={"f": {"name": "f", "content": svg, "file": "f.svg"}})
    history.end(pipeline="<script>top.hacked=1</script>")
    file = tmp_path / "report.html"
    file.write_text(render_page(collect(history.store, find_record(history.store))), encoding="utf-8")
    browser.open(file)
    assert browser.ask("document.querySelector('figure img').naturalWidth") == 40
    assert browser.ask("typeof top.hacked") == "undefined"
    assert browser.requested() == [file.as_uri()]
    assert browser.complaints() == []


def test_texts_have_the_contrast_that_people_need(browser, page: Path):
    """WCAG 2 AA: 4.5 to 1, of every visible text against the nearest background."""
    for scheme in ("light", "dark"):
        browser.open(page, scheme=scheme)
        browser.ask("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert browser.ask(CONTRAST) == []


CONTRAST = """
(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const poor = new Set();
  for (const one of document.querySelectorAll('body *:not(svg *):not(script)')) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const style = getComputedStyle(one);
    const [a, b] = [light(style.color), light(behind(one))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(`${one.tagName}.${one.className} ${style.color} on ${behind(one)}`);
  }
  return [...poor];
})()
"""
