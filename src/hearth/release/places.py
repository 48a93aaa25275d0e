"""Where MLflow's files lie when a checkout's settings say it relative to its root."""

from pathlib import Path

from hearth.params import TrackingParams

SQLITE = "sqlite:///"


def database(tracking: TrackingParams) -> Path | None:
    """The file of an SQLite database, as the settings write it; ``None`` for another kind."""
    return Path(tracking.uri.removeprefix(SQLITE)) if tracking.uri.startswith(SQLITE) else None


def located(tracking: TrackingParams, root: Path) -> TrackingParams:
    """The same settings for a process that runs anywhere."""
    file = database(tracking)
    return tracking if file is None else tracking.model_copy(update={"uri": f"{SQLITE}{root / file}"})


def shared(tracking: TrackingParams, root: Path, tree: Path) -> None:
    """Let what a worktree logs go where that of the main checkout goes: links stand for the database and the artifacts."""
    file, artifacts = database(tracking), None if "://" in tracking.artifacts else Path(tracking.artifacts)
    for path in (file, artifacts):
        if path is not None and not path.is_absolute():
            for folder in (root, tree):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).symlink_to(root / path)
    if artifacts is not None:
        (root / artifacts).mkdir(parents=True, exist_ok=True)
