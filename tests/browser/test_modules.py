"""The modules that the panels share, one at a time in Chromium."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def files() -> Iterator[str]:
    """Where the page's folder is served, bare."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(ROOT / "resnet_demo/ui"))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def module(page, files: str):
    """`module("format", "percent(3)")`: an expression over a module's names."""
    page.goto(f"{files}/static/base.css")

    def evaluate(name: str, expression: str, argument: object = None) -> object:
        program = f"async (given) => {{ const m = await import('{files}/static/{name}.js'); "
        return page.evaluate(program + f"return ({expression}); }}", argument)

    return evaluate


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("m.number(0.123456)", "0.123"),
        ("m.number(0.123456, 2)", "0.12"),
        ("m.number(1138.4)", "1,138"),
        ("m.number(999.7)", "1,000"),
        ("m.number(null)", "–"),
        ("m.scientific(0.00001234)", "1.23e-5"),
        ("m.scientific(12345)", "1.23e+4"),
        ("m.scientific(0)", "0.00"),
        ("m.scientific(undefined)", "–"),
        ("m.percent(88.123)", "88.1 %"),
        ("m.percent(null)", "–"),
        ("m.count(9469)", "9,469"),
        ("m.accuracy(88.1, [87.1, 89.1], 3925)", "88.1 % ± 1.0, n = 3,925"),
        ("m.accuracy(null, [0, 1], 5)", "–"),
        ("m.minutes(0)", "0:00"),
        ("m.minutes(187.4)", "3:07"),
        ("m.minutes(119.6)", "2:00"),
        ("m.minutes(null)", "–"),
        ("m.spoken(1)", "1 second"),
        ("m.spoken(59)", "59 seconds"),
        ("m.spoken(120)", "2 minutes"),
        ("m.spoken(7200)", "2.0 hours"),
        ("m.smooth([1, 3, 5], 0.5)", [1, 2, 3.5]),
        ("m.smooth([3], 0.5, 1)", [2]),
        ("m.smooth([], 0.5)", []),
        ("m.last([])", None),
        ("m.between([1, 2])", "1.00 to 2.00"),
        ("m.pictures(1)", "1 picture"),
        ("m.pictures(1200)", "1,200 pictures"),
    ],
)
def test_numbers_as_people_read_them(module, expression: str, wanted: object) -> None:
    assert module("format", expression) == wanted


def test_the_page_draws_the_interval_that_the_program_computes(module) -> None:
    from resnet_demo.evaluate.statistics import wilson

    for right, n in ((0, 10), (7, 10), (3544, 3925)):
        drawn = module("format", "m.wilson(given[0] / given[1], given[1])", [right, n])
        assert drawn == pytest.approx(wilson(right, n), abs=0.01)


POLLER = """
(async () => {
  document.body.append(document.createElement('div'));
  document.body.lastChild.textContent = 'here';
  const seen = [], said = [];
  let answer;
  const asking = (resolve, reject) => { seen.push(1); answer = { resolve, reject }; };
  const ask = () => new Promise(asking);
  const poller = new m.Poller(document.body.lastChild, ask, (text) => said.push(text));
  const first = poller.now();
  await poller.now();            // while the first is under way: asked once more afterwards
  await poller.now();
  const atOnce = seen.length;
  answer.reject(new Error('away'));
  await first;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const later = seen.length;
  answer.resolve();
  document.body.lastChild.style.display = 'none';
  await poller.now();            // nobody sees it
  return { atOnce, later, hidden: seen.length, said };
})()
"""


def test_questions_never_stack_and_nobody_asks_for_a_hidden_panel(module) -> None:
    assert module("poll", POLLER) == {
        "atOnce": 1,
        "later": 2,
        "hidden": 2,
        "said": ["no answer from the server, trying again (1)"],
    }


PATIENT = """
(async () => {
  const busy = { error: 'Busy', retry: 0.001 }, asked = [];
  const answers = { look: [busy, busy, { done: 1 }], cut: Array(9).fill(busy), lost: [undefined] };
  const answered = (name) => async (question) => {
    asked.push(question);
    return answers[name].shift();
  };
  const names = Object.keys(answers).map((name) => [name, answered(name)]);
  const server = m.patient(Object.fromEntries(names));
  const look = await server.look('a'), cut = await server.cut('b');
  return { look, cut, asked, lost: await server.lost('c').catch((error) => error.message) };
})()
"""


def test_a_busy_server_is_asked_again_for_a_while(module) -> None:
    told = module("poll", PATIENT)
    assert told["look"] == {"done": 1} and told["cut"]["error"] == "Busy"
    assert told["asked"] == ["a"] * 3 + ["b"] * 5 + ["c"]
    assert told["lost"] == "The server did not answer."


WORK = """
(async () => {
  const parts = { bar: {}, sentence: {}, stop: {} }, busy = [], stopped = [];
  const told = [{ what: 'Lesioning', done: 1, total: 4 }, given];
  const server = {
    work: async () => ({ job: 'j' }), progress: async () => told.shift(),
    stop: async (question) => stopped.push(question.job),
  };
  const work = new m.LongWork(server, parts, (on) => busy.push(on));
  const running = work.run({ kind: 'lesion' });
  const other = await work.run({ kind: 'lesion' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const sentence = parts.sentence.textContent, share = parts.bar.value;
  parts.stop.onclick();
  const answer = await running;
  const end = parts.sentence.textContent, free = busy.at(-1) === false;
  return { other, sentence, share, answer, stopped, end, free };
})()
"""


@pytest.mark.parametrize(
    ("end", "answer", "sentence"),
    [({"answer": {"n": 5}}, {"n": 5}, "Done."), ({"error": "Stopped."}, None, "Stopped.")],
)
def test_long_work_is_one_at_a_time_and_says_how_it_stands(
    module, end: dict, answer: object, sentence: str
) -> None:
    assert module("poll", WORK, end) == {
        "other": None,
        "sentence": "Lesioning: 1 of 4",
        "share": 0.25,
        "answer": answer,
        "stopped": ["j"],
        "end": sentence,
        "free": True,
    }


SWEEPS = """
(async () => {
  const root = document.createElement('div'), asked = [], answers = [];
  root.innerHTML = given;
  document.body.append(root);
  const answer = { sweeps: ['0001', '0002'], rows: [], runs: [], verdict: [], epochs: 0, done: 0 };
  const answered = async () => {
    answers.shift()();
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  m.mount(root, { sweep: ({ value }) => new Promise((resolve) => {
    asked.push(value);
    answers.push(() => resolve({ ...answer, sweep: value || '0002' }));
  }) });
  await answered();
  const which = root.querySelector('.which');
  which.onchange();
  which.value = '0001'; // while the other is asked for
  which.onchange();
  await answered();
  await answered();
  return { asked, shown: which.value };
})()
"""


def test_a_sweep_that_is_chosen_while_another_is_asked_for_stays_chosen(module) -> None:
    page = (ROOT / "resnet_demo/ui/train/sweeps.html").read_text()
    told = module("../train/sweeps", SWEEPS, page)
    assert told == {"asked": ["", "0002", "0001"], "shown": "0001"}


TOKEN = """
(() => {
  const heard = [];
  const open = () => { // a page is opened, its box comes
    document.body.innerHTML = '<div id="admin-token"><input></div>';
    const box = document.querySelector('input');
    box.addEventListener('input', () => heard.push(box.value));
    return m.token();
  };
  const write = (text) => {
    document.querySelector('input').value = text;
    document.querySelector('input').dispatchEvent(new Event('input'));
    return m.token();
  };
  return [open(), write('secret'), open(), heard.at(-1), write(''), m.token(), open()];
})()
"""


def test_the_token_is_kept_until_its_box_is_emptied(module) -> None:
    assert module("dom", TOKEN) == ["", "secret", "secret", "secret", "", "", ""]
