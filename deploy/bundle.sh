#!/usr/bin/env bash
# The bundle that dvc.lock names: from the DVC remote, or, where none is configured, built again from the data.
#
# A build that comes out otherwise than the lock says is refused: it is not the bundle that was judged and committed.
set -euo pipefail
cd "$(dirname "$0")/.."
python -m hearth.release.mending  # pull and repro both refuse a lock that a build was killed in
remotes=$(dvc remote list)
if [[ -n $remotes ]]; then
  dvc pull
else
  dvc repro
fi
git diff --exit-code --stat -- dvc.lock || {
  echo "bundle: what is built here and now is not what dvc.lock names. Commit the lock that a build leaves, or set up a" >&2
  echo "DVC remote, from which a bundle comes as it was when its data cannot be had again: docs/operations.md" >&2
  exit 1
}
hearth verify models/production
