#!/usr/bin/env bash
# Proposes what `hearth retrain` promoted in this checkout: pull_request.sh BASE. Needs `gh` with a token in GH_TOKEN.
#
# The branch is named after the bundle: a candidate that was proposed before, and perhaps declined, is not proposed again.
set -euo pipefail
base=$1
digest=$(hearth verify models/production)
branch=retrain/${digest:0:12}
text=$(mktemp)
trap 'rm -f "$text"' EXIT
python deploy/pull_request.py "origin/$base" >"$text"
before=$(gh pr list --head "$branch" --state all --json url --jq '.[].url')
if [[ -n $before ]]; then
  echo "proposed before: $before"
  exit 0
fi
gh auth setup-git
git push --force origin "HEAD:refs/heads/$branch"
gh pr create --base "$base" --head "$branch" --title "A better bundle: ${digest:0:12}" --body-file "$text"
