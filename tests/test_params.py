import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.parsed import params
from tests.tiny import Kind, settings

from hearth.errors import HearthError, ParamsError
from hearth.params import Params, load

ROOT = Path(__file__).parents[1]
Raw = dict[str, dict[str, object]]


@pytest.fixture
def raw() -> Raw:
    """The repository's own settings over a small contract, to be changed at will."""
    settings: Raw = params()
    settings["data"] |= {"target": "y", "task": "regression"}
    settings["features"] = {
        "x": {"type": "number", "min": 0, "max": 1},
        "k": {"type": "category", "values": ["a", "b"], "use": False, "reason": "known too late"},
    }
    return settings


def change(raw: Raw, path: str, value: object) -> Raw:
    """The settings with one key changed."""
    *parts, last = path.split(".")
    changed = copy.deepcopy(raw)
    place: Any = changed
    for part in parts:
        place = place[part]
    place[last] = value
    return changed


def refusal(tmp_path: Path, text: str) -> str:
    """What is said of a file with this text."""
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as error:
        load(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_the_settings_of_the_repository_are_read(raw: Raw, tmp_path: Path) -> None:
    """Every key has a place; the contract keeps the order of the file."""
    assert load(ROOT / "params.yaml").data.source == "bundled"
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    contract = load(tmp_path / "p.yaml").contract
    assert (contract.target.name, contract.names) == ("y", ("x",))
    assert contract.features[1].values == ("a", "b")


def test_settings_cannot_be_changed(raw: Raw) -> None:
    """They are read once."""
    settings = Params.model_validate(raw)
    with pytest.raises(ValueError, match="frozen"):
        settings.prepare.seed = 1


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("dta", {}, "dta: unknown key, did you mean data?"),
        ("data.tarjet", "y", "data.tarjet: unknown key, did you mean target?"),
        ("data.colour", 1, "data.colour: unknown key, remove it; known are source, bundled, kaggle, csv,"),
        ("features.x.mim", 1, "features.x.mim: unknown key, did you mean min?"),
        ("export.threshold", {"aims": "f1"}, "export.threshold.aims: unknown key, did you mean aim?"),
        ("card.groups", [{"expresion": "x", "above": "a", "rest": "b"}], "card.groups.0.expresion: unknown key, did you mean"),
        ("tuning.space.learnig_rate", {"low": 0.1, "high": 0.2}, "tuning.space.learnig_rate: Input should be 'rounds'"),
        ("data.task", "ranking", "data.task: Input should be 'regression' or 'classification'"),
        ("data.source", "ftp", "data.source: Input should be 'bundled', 'kaggle', 'csv', 'parquet', 'openml' or 'sql'"),
        ("data.csv", None, None),
        ("data.kaggle.dataset", "no-slash", "data.kaggle.dataset: String should match pattern"),
        ("data.kaggle.version", 0, "data.kaggle.version"),
        ("data.classes", ["a", "b"], "data: classes belong to a classification"),
        ("data.min_rows", 5, "data.min_rows: Input should be greater than or equal to 10"),
        ("data.target", "x", "the target x is among the features"),
        ("features.x.type", "text", "features.x.type: Input should be 'number', 'integer', 'category' or 'boolean'"),
        ("features.x.min", 2, "features: x: min 2 is above max 1"),
        ("features.x.min", "0", "features.x.min"),
        ("features.x.max", True, "features.x.max"),
        ("features.x.max", 10**400, "features.x.max"),
        ("features.x.min", float("nan"), "features.x.min"),
        ("features.x.max", float("inf"), "features.x.max"),
        ("features.x.values", ["a"], "features: x: values are needed for a category, and allowed for nothing else"),
        ("features.k", {"type": "category"}, "features: k: values are needed"),
        ("features.k.values", ["a", "a"], "features: k: values holds an entry twice"),
        ("features.k.values", [1, 2], "features.k.values.0"),
        ("features.k.min", 0, "features: k: min and max belong to"),
        ("features.k.reason", "", "features: k: use: false needs a reason"),
        ("features", {}, "no feature is used"),
        ("derived", {"r": "x ** 2 +"}, "derived.r: 'x ** 2 +' is no expression"),
        ("derived", {"r": "z"}, "derived.r: z is no number or boolean among the features"),
        ("derived", {"x": "x + 1"}, "a feature is named twice"),
        ("derived", {"y": "x + 1"}, "the target y is among the features"),
        ("derived", {"r": ""}, "an expression belongs to a derived feature"),
        ("card.groups", [{"expression": "z", "above": "a", "rest": "b"}], "card.groups: z is no number or boolean among"),
        ("derived", {"r": 2}, "derived.r: Input should be a valid string"),
        ("prepare.seed", -1, "prepare.seed"),
        ("prepare.seed", 2**32, "prepare.seed"),
        ("prepare.seed", True, "prepare.seed"),
        ("prepare.seed", "42", "prepare.seed: Input should be a valid integer"),
        ("prepare.test_size", 0, "prepare.test_size: Input should be greater than 0"),
        ("prepare.test_size", 1, "prepare.test_size: Input should be less than 1"),
        ("prepare.imputation", "mean", "prepare.imputation: Input should be 'native', 'median' or 'drop'"),
        ("prepare.encoding", "hash", "prepare.encoding"),
        ("release.alpha", 0.5, "release.alpha: Input should be less than 0.5"),
        ("tuning.method", "grid", "tuning.method: Input should be 'random' or 'tpe'"),
        ("tuning.candidates", 0, "tuning.candidates"),
        ("tuning.rounds_per_draw", 0, "tuning.rounds_per_draw: Input should be greater than 0"),
        ("tuning.rounds_per_draw", 402, "tuning: rounds_per_draw must be at most 401: space.rounds has no more values"),
        ("tuning.folds", 1, "tuning.folds: Input should be greater than or equal to 2"),
        ("tuning.fixed.max_bin", 1, "tuning.fixed.max_bin"),
        ("tuning.space", {}, "tuning: space.rounds is missing"),
        ("tuning.space.rounds.integer", False, "tuning: space.rounds counts something: set integer: true"),
        ("tuning.space.rounds.low", 0.5, "tuning.space.rounds: integer: true needs whole numbers"),
        ("tuning.space.rounds.low", 1000, "tuning.space.rounds: low 1000 is above high 600"),
        ("tuning.space.learning_rate.low", 0, "tuning.space.learning_rate: a log scale needs low above 0"),
        ("tuning.space.subsample.high", 1.5, "tuning: space.subsample must lie between 1e-06 and 1"),
        ("tuning.space.reg_lambda", {"low": -1, "high": 1}, "tuning: space.reg_lambda must lie between 0 and"),
        ("selection.percentile", 100, "selection.percentile: Input should be less than 100"),
        ("evaluate.rows", 49, "evaluate.rows: Input should be greater than or equal to 50"),
        ("evaluate.confidence", 1.0, "evaluate.confidence"),
        ("evaluate.bootstrap", 10, "evaluate.bootstrap"),
        ("export.coverage", 0, "export.coverage"),
        ("export.probe_rows", 0, "export.probe_rows"),
        ("tracking.enabled", "no", "tracking.enabled: Input should be a valid boolean"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(raw: Raw, tmp_path: Path, path: str, value: object, said: str | None) -> None:
    """The message has the key and what is allowed; what is allowed is read."""
    text = yaml.safe_dump(change(raw, path, value), sort_keys=False)
    if said is None:
        (tmp_path / "p.yaml").write_text(text)
        assert load(tmp_path / "p.yaml").data.csv is None
    else:
        assert said in refusal(tmp_path, text)


def test_what_is_computed_is_part_of_the_contract(raw: Raw, tmp_path: Path) -> None:
    """A number that no row has to bring, behind the features."""
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(change(raw, "derived", {"r": "x ** 2", "q": "r - x"}), sort_keys=False))
    contract = load(tmp_path / "p.yaml").contract
    assert (contract.names, contract.columns) == (("x",), ("x", "r", "q"))
    assert [one.expression for one in contract.derived] == ["x ** 2", "r - x"]


@pytest.mark.parametrize("source", ["bundled", "kaggle", "csv"])
def test_a_source_that_is_chosen_must_be_described(raw: Raw, tmp_path: Path, source: str) -> None:
    """`source: csv` without `csv:` is a contradiction, and so for the others."""
    raw["data"]["source"] = source
    del raw["data"][source]
    assert f"data: source is {source}, so data.{source} must say where to read" in refusal(tmp_path, yaml.safe_dump(raw))


@pytest.mark.parametrize("section", ["data", "features", "prepare", "tuning", "selection", "evaluate", "export", "tracking"])
def test_a_missing_section_is_named(raw: Raw, tmp_path: Path, section: str) -> None:
    """Each is needed."""
    del raw[section]
    assert f"{section}: missing, it must hold a section" in refusal(tmp_path, yaml.safe_dump(raw))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("data.target", "data.target: missing, it must hold text"),
        ("data.task", "data.task: missing, it must hold one of regression, classification"),
        ("data.kaggle.dataset", "data.kaggle.dataset: missing, it must hold text that matches ^["),
        ("features.x.type", "features.x.type: missing, it must hold one of number, integer, category, boolean"),
        ("prepare.seed", "prepare.seed: missing, it must hold a whole number at least 0 and below 4294967296"),
        ("prepare.test_size", "prepare.test_size: missing, it must hold a number above 0 and below 1"),
        ("tuning.fixed", "tuning.fixed: missing, it must hold a section with max_bin, num_parallel_tree"),
        ("tuning.space.rounds.low", "tuning.space.rounds.low: missing, it must hold a number\n"),
        ("selection.percentile", "selection.percentile: missing, it must hold a number at least 0 and below 100"),
        ("card.misuse", "card.misuse: missing, it must hold a list"),
        ("tracking.enabled", "tracking.enabled: missing, it must hold true or false"),
    ],
)
def test_a_missing_key_says_what_it_must_hold(raw: Raw, tmp_path: Path, path: str, said: str) -> None:
    """Its kind and its bounds, or the values that there are."""
    *parts, last = path.split(".")
    place: Any = raw
    for part in parts:
        place = place[part]
    del place[last]
    assert said in refusal(tmp_path, yaml.safe_dump(raw, sort_keys=False)) + "\n"


def test_no_needed_key_is_missed_in_pydantics_words(raw: Raw, tmp_path: Path) -> None:
    """Of every section empty, every key is told with what it must hold."""
    said = refusal(tmp_path, yaml.safe_dump({**{key: {} for key in raw}, "features": {"x": {}}}, sort_keys=False))
    needed = [line for line in said.splitlines() if ": missing, it must hold " in line]
    assert len(needed) > 30
    assert "required" not in said


def test_every_fault_is_told_at_once(raw: Raw, tmp_path: Path) -> None:
    """Nobody mends one key at a time."""
    text = yaml.safe_dump(change(change(raw, "prepare.seed", -1), "tuning.method", "grid"))
    said = refusal(tmp_path, text)
    assert "prepare.seed" in said
    assert "tuning.method" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "the key 'a' stands twice"),
        ("data: {task: x, task: y}\n", "the key 'task' stands twice"),
        ("a: [", "is not valid YAML"),
        ("a: 2024-13-45\n", "is not valid YAML"),
        (f"a: {'9' * 5000}\n", "is not valid YAML"),
        ("[" * 3000, "is not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
        ("? [a]\n: b\n", "is not valid YAML"),
        ("", "data: missing, it must hold a section with source, target, task"),
        ("- 1\n", "valid dictionary"),
        ("just text\n", "valid dictionary"),
    ],
)
def test_a_file_that_is_no_mapping_of_settings_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Broken YAML, keys that stand twice, foreign objects, other shapes."""
    assert said in refusal(tmp_path, text)


def test_a_missing_file_a_folder_and_foreign_bytes_are_refused(tmp_path: Path) -> None:
    """Each is a matter for the user, with the path."""
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "bytes.yaml"):
        with pytest.raises(HearthError, match=r"cannot be read|there is no .*: run this in the folder of a project") as error:
            load(path)
        assert str(path) in str(error.value)


def test_class_weights_of_a_regression_are_refused() -> None:
    """The message names the setting, the target and what to set."""
    with pytest.raises(ValidationError, match=r"tuning\.class_weight: balanced weighs classes.*y has none: set none"):
        settings("regression", tuning={"class_weight": "balanced"})
    assert settings("binary", tuning={"class_weight": "balanced"}).tuning.class_weight == "balanced"


def test_an_aim_needs_two_classes() -> None:
    """A regression and a target of more classes are refused, at once or, where the table alone knows them, once it is read."""
    aim = {"threshold": {"aim": "f1"}}
    cases: tuple[tuple[Kind, str], ...] = (("regression", "y is a regression"), ("multiclass", "y is of 3"))
    for kind, words in cases:
        with pytest.raises(ValidationError, match=rf"export\.threshold\.aim: f1 needs a target of two classes, and {words}"):
            settings(kind, export=aim)
    unknown = settings("multiclass", export=aim, data={"classes": []})
    unknown.check(settings("binary").contract.target)
    with pytest.raises(ParamsError, match=r"does not fit the table: export\.threshold\.aim"):
        unknown.check(settings("multiclass").contract.target)


@pytest.mark.parametrize("threshold", [{"aim": "recall"}, {"aim": "f1", "precision": 0.5}, {"aim": "recall", "precision": 1.0}])
def test_a_precision_belongs_to_recall(threshold: dict[str, object]) -> None:
    """It is needed there, and refused elsewhere or where it is no share."""
    with pytest.raises(ValidationError, match="precision"):
        settings("binary", export={"threshold": threshold})
