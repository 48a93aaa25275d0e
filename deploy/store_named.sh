#!/usr/bin/env bash
# Whether HEARTH_DATABASE_URL names a store, as the step's output `named`; where it does not, a notice tells so.
set -euo pipefail
named=false
if [[ -n ${HEARTH_DATABASE_URL:-} ]]; then
  named=true
else
  echo "::notice title=No store::Nothing was evaluated: the secret HEARTH_DATABASE_URL is not set; see docs/operations.md"
fi
echo "named=$named" >>"${GITHUB_OUTPUT:-/dev/stdout}"
