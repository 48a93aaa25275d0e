"""Another bundle takes over without a dropped or mixed answer; a bad one never does."""

import json
import os
import random
import re
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import pytest
from tests.api.served.conftest import Redis
from tests.api.servers import Client, Server, metric, serving
from tests.bundles import Tiny, rows_of

from api.model import Model
from hearth.bundle import Predictor, code_rows, write
from hearth.errors import BundleError

pytestmark = pytest.mark.journey

RELOADS, CORRUPTIONS = 200, 1000
SERVED = int(os.environ.get("HEARTH_TEST_CORRUPTIONS", "60"))  # of them, those that a server is asked to load
ROWS, BATCH = 40, 10
PACE = 0.002  # seconds from an answer to the next request, which leave the processor to the reloads
ADVICE = re.compile("make repro|dvc checkout|Build|build|Restore|[Uu]pdate|hearth|keep")


@dataclass
class Two:
    """Two bundles of one contract, and what each says of the same rows: by digest, a number a row."""

    bundles: Sequence[Tiny]
    rows: Sequence[Mapping[str, object]]
    digests: list[str] = field(default_factory=list)
    said: dict[str, list[float]] = field(default_factory=dict)

    def swap(self, turn: int, folder: Path) -> str:
        """Put one of the two in place of what is in ``folder``; its digest."""
        return write(self.bundles[turn % 2].bundle, folder)


@pytest.fixture(scope="module")
def two(regression: Tiny, other: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Asked in process."""
    found = Two((regression, other), rows_of(regression.x[:ROWS]))
    for turn in (0, 1):
        folder = tmp_path_factory.mktemp("two") / "bundle"
        found.digests.append(found.swap(turn, folder))
        predictor = Predictor.load(folder, 1)
        found.said[found.digests[turn]] = predictor.predict(code_rows(predictor.contract, found.rows)).value.tolist()
    assert not set(found.said[found.digests[0]]) & set(found.said[found.digests[1]])
    return found


class Load:
    """Clients that ask one row after the other, and batches, and hold each answer against its digest."""

    def __init__(self, server: Server, two: Two, clients: int = 2) -> None:
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self._two, self._ended = two, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(server, number)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, server: Server, number: int) -> None:
        try:
            with server.client() as client:
                while not self._ended.wait(PACE):
                    number += 1
                    self._batch(client) if number % 10 == 0 else self._single(client, number % ROWS)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a request that failed
            self.faults.append(repr(error))

    def _single(self, client: Client, row: int) -> None:
        answer = client.post("/predict", self._two.rows[row])
        told = answer.json()
        self._check(answer.status, told, [told.get("prediction")], slice(row, row + 1))

    def _batch(self, client: Client) -> None:
        answer = client.post("/predict/batch", {"instances": self._two.rows[:BATCH]})
        told = answer.json()
        self._check(answer.status, told, [one["prediction"] for one in told.get("predictions", [])], slice(BATCH))

    def _check(self, status: int, told: Mapping[str, object], numbers: Sequence[object], rows: slice) -> None:
        digest = str(told.get("model"))
        if status != 200 or numbers != self._two.said[digest][rows]:
            self.faults.append(json.dumps(told))
        self.answers[digest] += 1


def test_200_reloads_under_load(two: Two, tmp_path: Path) -> None:
    """By POST, by SIGHUP and by --watch in turn: no request fails, and every number is of the model that is named with it."""
    folder = tmp_path / "bundle"
    two.swap(0, folder)
    settings = {"HEARTH_BUNDLE": str(folder), "HEARTH_DATABASE_URL": f"sqlite:///{tmp_path}/s.db", "HEARTH_WATCH": "true"}
    with serving(tmp_path, settings) as server, server.client() as admin, Load(server, two) as load:
        for turn in range(1, RELOADS + 1):
            digest = two.swap(turn, folder)
            way = turn % 40  # to watch takes half a second: one in forty is left to it
            if way == 0:
                pass
            elif way % 2:
                told = admin.post("/admin/reload")
                assert (told.status, told.json()["model"]) == (200, digest)
            else:
                server.send(signal.SIGHUP)
            server.until(partial(serves, admin, digest))
        server.until(lambda: min(load.answers[digest] for digest in two.digests) > 50)
    assert load.faults == []
    assert set(load.answers) == set(two.digests)


def serves(client: Client, digest: str) -> bool:
    """Whether this model answers."""
    found: str = client.get("/version").json()["model"]
    return found == digest


Files = dict[str, bytes]
Damage = Callable[[random.Random, Files, Files], None]
MANIFEST = "manifest.json"


def flip(rng: random.Random, files: Files, _: Files) -> None:
    """One bit of one file."""
    name = rng.choice(sorted(files))
    data = bytearray(files[name])
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    files[name] = bytes(data)


def truncate(rng: random.Random, files: Files, _: Files) -> None:
    """One file, somewhere."""
    name = rng.choice(sorted(files))
    files[name] = files[name][: rng.randrange(len(files[name]))]


def lengthen(rng: random.Random, files: Files, _: Files) -> None:
    """A byte more than there should be."""
    files[rng.choice(sorted(files))] += bytes([rng.randrange(256)])


def delete(rng: random.Random, files: Files, _: Files) -> None:
    """One file."""
    del files[rng.choice(sorted(files))]


def swap(rng: random.Random, files: Files, _: Files) -> None:
    """Two files change their names."""
    one, another = rng.sample(sorted(files), 2)
    files[one], files[another] = files[another], files[one]


def mix(rng: random.Random, files: Files, others: Files) -> None:
    """Some files, but not all, are those of another build; the manifest may be among them."""
    differing = [name for name in sorted(files) if files[name] != others[name]]
    for name in rng.sample(differing, rng.randrange(1, len(differing))):
        files[name] = others[name]


def mix_manifest(rng: random.Random, files: Files, others: Files) -> None:
    """The manifest lists some files as the other build has them."""
    ours, theirs = json.loads(files[MANIFEST]), json.loads(others[MANIFEST])
    differing = [name for name in sorted(ours["files"]) if ours["files"][name] != theirs["files"][name]]
    for name in rng.sample(differing, rng.randrange(1, len(differing) + 1)):
        ours["files"][name] = theirs["files"][name]
    files[MANIFEST] = json.dumps(ours).encode()


DAMAGES: Sequence[Damage] = (flip, flip, flip, truncate, lengthen, delete, swap, mix, mix_manifest)


class Damaged:
    """A folder in which the second of two bundles lies, damaged each time in another way."""

    def __init__(self, two: Two, folder: Path) -> None:
        self._folder = folder
        self._whole: list[Files] = []
        for turn in (0, 1):
            two.swap(turn, folder)
            self._whole.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})

    def __call__(self, seed: int) -> str:
        """Damage what is whole; says how. Only files that change are written."""
        files, damage = dict(self._whole[1]), DAMAGES[seed % len(DAMAGES)]
        damage(random.Random(seed), files, self._whole[0])  # noqa: S311 - not a secret
        assert files != self._whole[1]
        for file in self._folder.iterdir():
            if file.name not in files:
                file.unlink()
        for name, data in files.items():
            file = self._folder / name
            if not file.exists() or file.read_bytes() != data:
                file.write_bytes(data)
        return f"{damage.__name__} {seed}"


def test_1000_corruptions_are_all_refused(two: Two, tmp_path: Path) -> None:
    """In process, by what the service calls: each is refused, with a message that says what to do."""
    damaged, passed = Damaged(two, tmp_path / "bundle"), list[str]()
    for seed in range(CORRUPTIONS):
        what = damaged(seed)
        try:
            Model.load(tmp_path / "bundle")
        except BundleError as error:
            passed += [] if ADVICE.search(str(error)) else [f"{what}: {error}"]
        else:
            passed.append(what)
    assert passed == []


@pytest.mark.parametrize("name", ["model.ubj", "transform.json", "probe.json"])
def test_files_of_two_builds_are_refused_where_every_sum_is_right(two: Two, tmp_path: Path, name: str) -> None:
    """A manifest made anew for them hides nothing: the probe asks what the model says."""
    folders = [tmp_path / "one", tmp_path / "another"]
    manifests = []
    for turn, folder in enumerate(folders):
        two.swap(turn, folder)
        manifests.append(json.loads((folder / MANIFEST).read_bytes()))
    assert manifests[0]["files"][name] != manifests[1]["files"][name]
    manifests[0]["files"][name] = manifests[1]["files"][name]
    shutil.copyfile(folders[1] / name, folders[0] / name)
    (folders[0] / MANIFEST).write_text(json.dumps(manifests[0]), encoding="utf-8")
    with pytest.raises(BundleError):
        Model.load(folders[0])


def test_a_corrupted_bundle_is_not_served(two: Two, tmp_path: Path) -> None:
    """The one before goes on, the reload says why, /ready says that one was refused and no more; a good one mends it."""
    folder = tmp_path / "bundle"
    damaged = Damaged(two, folder)
    two.swap(0, folder)
    settings = {"HEARTH_BUNDLE": str(folder), "HEARTH_DATABASE_URL": f"sqlite:///{tmp_path}/s.db"}
    with serving(tmp_path, settings) as server, server.client() as admin, Load(server, two, 1) as load:
        for seed in range(SERVED):
            what = damaged(seed)
            answer = admin.post("/admin/reload")
            assert (answer.status, answer.headers["content-type"]) == (409, "application/problem+json"), what
            assert ADVICE.search(answer.json()["detail"]), what
            status, told = server.ready()
            assert (status, told["bundle"], told["status"]) == (200, "refused", "degraded")
        assert metric(server, 'hearth_reloads_total{result="refused"}') == SERVED
        assert serves(admin, two.digests[0])
        assert (load.faults, set(load.answers)) == ([], {two.digests[0]})
        digest = two.swap(1, folder)
        assert admin.post("/admin/reload").json() == {"model": digest, "before": two.digests[0], "changed": True}
        assert server.ready()[1]["status"] == "ok"
        shutil.rmtree(folder)
        assert admin.post("/admin/reload").status == 409
        assert serves(admin, digest)
    assert load.faults == []


def test_a_bundle_that_is_copied_file_by_file_is_served_when_it_is_whole(two: Two, tmp_path: Path) -> None:
    """The manifest first and long before the rest: it is refused, and then served without a word from anybody."""
    folder, whole = tmp_path / "bundle", tmp_path / "whole"
    two.swap(0, folder)
    digest = two.swap(1, whole)
    settings = {"HEARTH_BUNDLE": str(folder), "HEARTH_DATABASE_URL": f"sqlite:///{tmp_path}/s.db", "HEARTH_WATCH": "true"}
    with serving(tmp_path, settings) as server, server.client() as client, Load(server, two, 1) as load:
        shutil.copyfile(whole / MANIFEST, folder / MANIFEST)
        server.until(lambda: server.ready()[1]["bundle"] == "refused")
        assert serves(client, two.digests[0])
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        server.until(lambda: serves(client, digest))
        assert server.ready()[1]["bundle"] == "ok"
    assert load.faults == []


@pytest.mark.postgres
@pytest.mark.redis
def test_one_reload_reaches_every_worker(two: Two, postgres: str, redis: Redis, tmp_path: Path) -> None:
    """By POST to one of them and by SIGHUP to their parent, within seconds; a refused one reaches none."""
    folder = tmp_path / "bundle"
    two.swap(0, folder)
    settings = {"HEARTH_BUNDLE": str(folder), "HEARTH_DATABASE_URL": postgres, "HEARTH_REDIS_URL": redis.url}
    with (
        serving(tmp_path, settings | {"HEARTH_WORKERS": "2"}) as server,
        Load(server, two) as load,
        server.clients(1) as clients,
    ):
        digest = two.swap(1, folder)
        assert clients[0].post("/admin/reload").status == 200
        server.until(lambda: all(serves(client, digest) for client in clients), 10)
        digest = two.swap(0, folder)
        server.send(signal.SIGHUP)
        server.until(lambda: all(serves(client, digest) for client in clients), 10)
        (folder / "model.ubj").write_bytes(b"nothing")
        server.send(signal.SIGHUP)
        server.until(lambda: metric(server, 'hearth_reloads_total{result="refused"}') == 2, 10)
        assert all(serves(client, digest) for client in clients)
    assert load.faults == []
