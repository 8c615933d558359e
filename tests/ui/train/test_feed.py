import json
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.shipped import SHIPPED
from resnet_demo.runs.store import Store
from resnet_demo.ui import polling
from resnet_demo.ui.requests import Cursor, TrainRequest, parsed
from resnet_demo.ui.train.feed import Feed, columns, default_run, thinned


@pytest.fixture
def feed(home: Home, monkeypatch) -> Feed:
    monkeypatch.setattr(polling, "KEEP_SECONDS", -1)  # every question is answered afresh
    return Feed(home)


def store_of(home: Home, run: str) -> Store:
    return Store(control.run_folder(home, run))


def test_without_runs_the_one_that_ships_is_shown(feed: Feed) -> None:
    answer = feed.poll(TrainRequest())
    assert answer["main"] == SHIPPED and [row["run"] for row in answer["runs"]] == [SHIPPED]
    assert answer["head"]["state"] == "finished" and answer["series"][SHIPPED]["lines"]["loss"]


def test_no_runs_is_an_answer(feed: Feed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("resnet_demo.runs.shipped.CHECKPOINTS", (tmp_path,))
    answer = feed.poll(TrainRequest())
    assert (answer["main"], answer["runs"], answer["series"]) == (None, [], {})


def test_a_tick_brings_only_what_is_new(feed: Feed, home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, config)
    with store_of(home, run) as store:
        store.set(generation=1)
        for step in range(1, 11):
            store.add_metrics(step, {"loss": 2.0, "lr": 0.1, "images_per_s": 99.0}, step=step)
        first = feed.poll(TrainRequest())
        assert first["series"][run]["reset"]
        assert [row["run"] for row in first["runs"]] == [run, SHIPPED]
        store.add_metrics(10, {"top1": 50.0, "val_loss": 1.5})
        store.add_metrics(11, {"loss": 1.9, "lr": 0.1, "images_per_s": 98.0}, step=11)
    cursor = {"generation": 1, "step": 10, "epoch": -1}
    asked = {"main": run, "digest": first["digest"], "runs": {run: cursor}}
    tick = feed.poll(parsed(TrainRequest, asked))
    lines = tick["series"][run]["lines"]
    assert lines["loss"] == [[11], [1.9]] and lines["top1"] == [[10], [50.0]]
    assert not tick["series"][run]["reset"]
    with store_of(home, run) as store:
        store.set(generation=2)  # resumed: what the page knows may have been done again
    assert feed.poll(parsed(TrainRequest, asked))["series"][run]["reset"]


def test_a_poll_opens_the_file_of_each_run_once(home: Home, config, opened: list[str]) -> None:
    runs = [control.new_run(home, config) for _ in range(3)]
    opened.clear()
    asked = {"main": runs[0], "runs": {runs[0]: {}, runs[1]: {}}}
    assert set(Feed(home).poll(parsed(TrainRequest, asked))["series"]) == set(runs[:2])
    assert sorted(run for run in opened if run != SHIPPED) == runs
    assert opened.count(SHIPPED) == 1


def test_a_run_that_was_deleted_a_moment_ago_is_no_error(home: Home, config) -> None:
    run, feed = control.new_run(home, config), Feed(home)
    assert feed.poll(TrainRequest())["main"] == run
    control.delete(home, run)
    answer = feed.poll(TrainRequest())  # the list of a moment ago still has it
    assert (answer["main"], answer["series"]) == (None, {})


def test_a_tick_is_small_with_ten_thousand_points(feed: Feed, home: Home, config) -> None:
    run = control.new_run(home, config)
    names = [f"{kind}/layer{i}.0" for kind in ("param_norm", "param_grad_norm") for i in range(9)]
    with store_of(home, run) as store:
        store.set(generation=1, blocks=[f"layer{i}.0" for i in range(9)])
        store.db.execute("BEGIN")
        for step in range(10_000):
            metrics = {"loss": 2.0 + step % 7, "lr": 0.1, "images_per_s": 99.0}
            rows = [(step, name, value) for name, value in metrics.items()]
            store.db.executemany("INSERT INTO metrics VALUES (?, ?, ?)", rows)
        store.db.execute("COMMIT")
        first = feed.poll(TrainRequest())
        for points in first["series"][run]["lines"].values():
            assert len(points[0]) <= 602
        store.add_metrics(10_000, dict.fromkeys(("loss", "lr", "images_per_s", *names), 1.23456789))
        store.add_metrics(10_001, dict.fromkeys(("loss", "lr", "images_per_s"), 1.23456789))
    cursor = {"generation": 1, "step": 9_999, "epoch": -1}
    tick = feed.poll(TrainRequest(main=run, digest=first["digest"], runs={run: cursor}))
    assert tick["series"][run]["lines"]["loss"][0] == [10_000, 10_001]
    assert len(json.dumps(tick)) <= 2000


def test_thinning_keeps_the_extremes_and_the_ends() -> None:
    points = [(step, float(step % 100)) for step in range(10_000)] + [(10_000, -5.0)]
    kept = thinned(points, 100)
    assert len(kept) <= 202 and kept[0] == points[0] and kept[-1] == points[-1]
    assert max(value for _, value in kept) == 99
    assert columns([(1, 0.123456789)]) == [[1], [0.12346]]


def test_the_page_never_shows_a_path(feed: Feed, home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, config)
    answer = json.dumps(feed.poll(TrainRequest()))
    assert "folder:pictures" in answer and config.data not in answer
    assert str(home.path) not in answer and run in answer


def test_a_run_under_way_is_shown_first() -> None:
    rows = [{"run": "0003", "state": "finished"}, {"run": "0002", "state": "running"}]
    assert default_run(rows) == "0002" and default_run(rows[:1]) == "0003"
    assert default_run([]) is None


def test_a_finished_runs_head_tells_what_it_did(feed: Feed, home: Home, config) -> None:
    run = control.new_run(home, replace(config, cutmix=0.5))
    train_here(home, run)
    head = feed.poll(TrainRequest())["head"]
    assert (head["state"], head["step"], head["steps"], head["n"]) == ("finished", 15, 15, 12)
    assert head["cutmix"] == 0.5  # the training error is also of mixed pictures
    low, high = head["ci95"]
    assert low < head["best_top1"] <= high and head["eta"] is None
    strip = feed.poll(TrainRequest())["series"][run]["strip"]
    assert strip["blocks"] == ["stem", "layer1.0", "layer2.0", "layer3.0", "fc"]
    assert strip["steps"] == list(range(1, 16, 2)) and len(strip["values"][0]) == 5


def test_unknown_runs_are_passed_over(feed: Feed, home: Home, config) -> None:
    control.new_run(home, config)
    answer = feed.poll(TrainRequest(runs={str(number): Cursor() for number in range(400)}))
    assert answer["main"] == "0001" and list(answer["series"]) == ["0001"]


def test_strangers_learn_no_paths(feed: Feed, home: Home, config, monkeypatch) -> None:
    from dataclasses import replace

    run = control.new_run(home, replace(config, data="folder:/very/secret/place"))
    with pytest.raises(UserError, match="/very/secret/place"):
        train_here(home, run)
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    told = json.dumps(feed.poll(TrainRequest()))
    assert "There is no folder" in told and "secret" not in told
