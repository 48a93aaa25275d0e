#!/usr/bin/env bash
# Compiles the hashed locks: one environment, cut to size for each use, the same versions in all.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  local out=$1
  shift
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command 'make locks' "$@" -o "requirements/$out.txt"
}
compile dev pyproject.toml --no-emit-package hearth --extra train --extra profile --extra serve --extra cluster --extra dev
compile train pyproject.toml --no-emit-package hearth --extra train --extra profile --constraint requirements/dev.txt
compile serve pyproject.toml --no-emit-package hearth --extra serve --extra cluster --constraint requirements/dev.txt
echo "uv" | compile uv -
