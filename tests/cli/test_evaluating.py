"""``hearth evaluate`` on the store of a service."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.api.store.made import opened, record
from tests.bundles import Tiny
from tests.cli.conftest import Call
from tests.monitoring.made import Rows, joined, scored_bundle

from api.store import Record, Truth
from hearth.bundle import write


@pytest.fixture
def evaluate(hearth: Call) -> Call:
    """Calls ``hearth evaluate`` in this process: its exit code and what it wrote."""
    return partial(hearth, "evaluate")


@pytest.fixture
def bundle(tiny: Tiny, tmp_path: Path) -> tuple[Path, str]:
    """A bundle with scores, and its digest: each kind of task in turn."""
    scored = scored_bundle(tiny, 1.0 if tiny.bundle.contract.target.task == "regression" else 2.0, 0.1)
    return tmp_path / "bundle", write(scored, tmp_path / "bundle")


def records(rows: Rows, digest: str, at: Sequence[float]) -> list[Record]:
    """Each row as a call of its own, predicted at these times."""
    return [
        record(
            at=at[i],
            model=digest,
            key=rows.askers[i],
            features=json.dumps({name: [column[i]] for name, column in rows.features.items()}),
            scores=json.dumps([rows.scores[i]]),
        )
        for i in range(len(at))
    ]


def stored(url: str, rows: Rows, digest: str, at: Sequence[float] | None = None) -> None:
    """A store with these predictions and truths, and as many predictions again without."""

    async def run() -> None:
        store = opened(url)
        times = [time.time() - 60 + i / 10 for i in range(len(rows.actual))] if at is None else at
        for one, key, actual in zip(records(rows, digest, times), rows.tellers, rows.actual, strict=True):
            assert await store.keep(one)
            assert await store.feedback(key, [Truth(one.id, actual)]) == ["stored"]
        for one in records(rows, digest, times):
            assert await store.keep(one)
        await store.close()

    asyncio.run(run())


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store that is not there yet."""
    return f"sqlite:///{tmp_path}/store.db"


def test_a_model_as_good_as_promised_ends_with_0(evaluate: Call, bundle: tuple[Path, str], tiny: Tiny, url: str) -> None:
    """Findings on standard output, all of them as JSON, and a picture."""
    folder, digest = bundle
    stored(url, joined(tiny, 80, keys=("app", "web")), digest)
    place = folder.parent
    code, out, err = evaluate(
        "--bundle", folder, "--database-url", url, "--json", place / "new" / "e.json", "--png", place / "e.png"
    )
    assert (code, err) == (0, "")
    assert out.startswith(f"80 truths of 160 predicted rows (50.0%), against bundle {digest[:12]}\n")
    assert "\nverdict: fine" in out
    found = json.loads((place / "new" / "e.json").read_text(encoding="utf-8"))
    assert (found["verdict"], found["bundle"], found["selection"]["model"]) == ("fine", digest, digest)
    assert (place / "e.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def regressed(regression: Tiny, tmp_path: Path) -> tuple[Path, str]:
    """The bundle of a regression."""
    return tmp_path / "bundle", write(scored_bundle(regression, 1.0, 0.1), tmp_path / "bundle")


def test_a_worse_model_ends_with_2(evaluate: Call, regressed: tuple[Path, str], regression: Tiny, url: str) -> None:
    """A finding, no error."""
    stored(url, joined(regression, 80, noise=2.0), regressed[1])
    code, out, err = evaluate("--bundle", regressed[0], "--database-url", url)
    assert (code, err) == (2, "")
    assert "\nverdict: degraded" in out


def test_too_few_truths_end_with_3(evaluate: Call, regressed: tuple[Path, str], regression: Tiny, url: str) -> None:
    """Also none, where nothing is drawn; that is said where a picture was asked for."""
    stored(url, joined(regression, 20), regressed[1])
    code, out, _ = evaluate("--bundle", regressed[0], "--database-url", url)
    assert (code, out.splitlines()[-1]) == (3, "verdict: too little feedback, 20 truths; 50 are needed")
    picture = regressed[0].parent / "e.png"
    code, out, _ = evaluate("--bundle", regressed[0], "--database-url", url, "--until", "2020-01-01", "--png", picture)
    assert code == 3
    assert out.startswith("no prediction is in this selection; the store holds 40 rows: try --model all, or other bounds")
    assert out.endswith("\nno picture is written: there is no truth to draw\n")
    assert not picture.exists()


def test_an_empty_store_ends_with_3(evaluate: Call, regressed: tuple[Path, str], url: str) -> None:
    """Of a service that nobody asked yet."""
    asyncio.run(opened(url).close())
    code, out, _ = evaluate("--bundle", regressed[0], "--database-url", url)
    assert code == 3
    assert out.startswith("no prediction is in this selection; the store holds 0 rows\n")


def test_a_selection_narrows_what_is_judged(evaluate: Call, regressed: tuple[Path, str], regression: Tiny, url: str) -> None:
    """By model, time, who asked, who told, and how many."""
    now = time.time()
    rows = replace(joined(regression, 8, keys=("app",)), tellers=["eve"] * 2 + ["bob"] * 6)
    stored(url, rows, "e" * 64, at=[now - 86_400 * i - 10 for i in range(8)])
    base = ("--bundle", regressed[0], "--database-url", url)

    def judged(*arguments: str) -> str:
        code, out, err = evaluate(*base, *arguments)
        assert (code, err) == (3, "")
        return next(line for line in out.splitlines() if " truths of " in line).split(",")[0]

    assert judged() == "0 truths of 0 predicted rows (0.0%)"
    assert judged("--model", "all") == judged("--model", "e" * 6) == "8 truths of 16 predicted rows (50.0%)"
    assert judged("--model", "all", "--since", "3d") == "3 truths of 6 predicted rows (50.0%)"
    assert judged("--model", "all", "--until", "36h") == "6 truths of 12 predicted rows (50.0%)"
    assert judged("--model", "all", "--since", "2020-01-01", "--until", "2020-01-02T03:00+01:00").startswith("0 truths of 0")
    assert judged("--model", "all", "--key", "web") == "0 truths of 0 predicted rows (0.0%)"
    assert judged("--model", "all", "--teller", "eve") == "2 truths of 16 predicted rows (12.5%)"
    assert evaluate(*base, "--model", "all", "--most", "4")[1].startswith("the newest 4 truths are looked at")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--model", "abc"),
            "--model abc is the beginning of 0 of the digests in the store, which holds eeeeeeeeeeee (2 rows)",
        ),
        (("--model", ""), "--model  is the beginning of 0"),
        (("--since", "yesterday"), "'yesterday' is no time: write 2026-11-01"),
        (("--since", "999999d"), "is no time"),
        (("--bundle", "nowhere"), "cannot be read"),
        (("--database-url", "sqlite:///nowhere.db"), "there is no store at nowhere.db"),
        (("--database-url", "mysql://x"), "cannot be in a database of kind"),
        (("--json", "/dev/null/x.json"), "/dev/null/x.json cannot be written"),
        (("--png", "/dev/null/x.png", "--model", "all"), "/dev/null/x.png cannot be written"),
    ],
)
def test_what_is_at_fault_is_told_and_ends_with_1(
    evaluate: Call, regressed: tuple[Path, str], regression: Tiny, url: str, arguments: tuple[str, ...], said: str
) -> None:
    """In words that say what to do."""
    stored(url, joined(regression, 1), "e" * 64)
    code, _, err = evaluate("--bundle", regressed[0], "--database-url", url, *arguments)
    assert code == 1
    assert said in err


def test_the_store_of_the_environment_is_looked_at(
    evaluate: Call, regressed: tuple[Path, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none is named."""
    monkeypatch.setenv("HEARTH_DATABASE_URL", url)
    code, _, err = evaluate("--bundle", regressed[0])
    assert code == 1
    assert f"there is no store at {url.removeprefix('sqlite:///')}" in err


def test_the_help_has_an_example_and_the_exit_codes(evaluate: Call) -> None:
    """As that of every command."""
    code, out, _ = evaluate("--help")
    assert code == 0
    assert "Example: hearth evaluate " in out
    assert "Exit codes: 0 fine, 1 the input is at fault, 2 degraded, 3 fewer truths" in out
