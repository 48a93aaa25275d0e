#!/usr/bin/env bash
# Serving needs its own requirements and nothing of training: builds environments that hold them alone, prints their size,
# the time from process start to the first answer and the memory of a worker, and runs the API's tests there.
#
#   deploy/serve_check.sh [FOLDER [PYTEST ARGUMENTS ...]]
#
# FOLDER is made anew (default: build/serve). Exit code 0: nothing of training is there, the sizes and times are as they should
# be and the tests passed. Needs .venv/bin/uv (make repro makes it), an index of packages, and a bundle in models/production.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-build/serve}
shift || true
uv=".venv/bin/uv --quiet"
failed=0
rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)

$uv build --wheel --build-constraints requirements/train.txt --require-build-hashes --out-dir "$work/wheels" .

for kind in serve cluster; do
  python=$work/$kind/bin/python
  .venv/bin/python -m venv --without-pip "$work/$kind"
  $uv pip install --python "$python" --link-mode copy --require-hashes -r requirements/serve.txt
  if [[ $kind == serve ]]; then  # the lock holds the drivers for several workers as well
    $uv pip uninstall --python "$python" psycopg psycopg-binary redis
  fi
  $uv pip install --python "$python" --link-mode copy --no-deps "$work"/wheels/*.whl
  "$python" deploy/serve_check.py size "$kind" || failed=1
  "$python" -m compileall -q -j 0 "$work/$kind/lib"
done

# What the tests want beside, at the versions of requirements/dev.txt, in a folder that the measured environments do not see.
$uv pip install --python "$work/cluster/bin/python" --target "$work/tools" --constraint requirements/dev.txt \
  httpx httpx2 hypothesis pytest schemathesis
export PYTHONDONTWRITEBYTECODE=1
"$work/serve/bin/python" deploy/serve_check.py start models/production || failed=1
PYTHONPATH=$work/tools "$work/cluster/bin/python" deploy/serve_check.py pure || failed=1
PYTHONPATH=$work/tools "$work/cluster/bin/python" -m pytest -q -p no:cacheprovider tests/api "$@" || failed=1
exit $failed
