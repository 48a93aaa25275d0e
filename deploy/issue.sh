#!/usr/bin/env bash
# Tells people of what a run found or could not do: issue.sh TITLE. While an issue of that title is open, the next is a comment.
set -euo pipefail
title=$1
text="See $GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID

docs/operations.md says what to do. Close this once it is done: the next time opens another."
same='.[] | select(.title == env.TITLE) | .number'
numbers=$(TITLE=$title gh issue list --state open --limit 500 --json number,title --jq "$same")
number=${numbers%%$'\n'*}
if [[ -n $number ]]; then
  gh issue comment "$number" --body "$text"
else
  gh issue create --title "$title" --body "$text"
fi
