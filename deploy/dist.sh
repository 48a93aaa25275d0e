#!/usr/bin/env bash
# What a release holds, in dist/: the package as wheel and source, the bundle and its model card. The same commit gives the
# same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
digest=$(hearth verify models/production)
rm -rf dist
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
uv --quiet build --build-constraints requirements/train.txt --require-build-hashes --out-dir dist .
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  --directory models --create --file "dist/bundle-${digest:0:12}.tar" production
cp reports/model_card.md dist/
rm -f dist/.gitignore
ls -l dist
