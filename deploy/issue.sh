#!/usr/bin/env bash
# Tells in an issue that a workflow failed: issue.sh TITLE. While the issue is open, what fails again is a comment on it.
set -euo pipefail
title=$1
text="It failed: $GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID

docs/operations.md says what each workflow needs. Close this once it is mended; the next failure opens another."
same='.[] | select(.title == env.TITLE) | .number'
numbers=$(TITLE=$title gh issue list --state open --limit 500 --json number,title --jq "$same")
number=${numbers%%$'\n'*}
if [[ -n $number ]]; then
  gh issue comment "$number" --body "$text"
else
  gh issue create --title "$title" --body "$text"
fi
