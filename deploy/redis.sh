#!/usr/bin/env bash
# Installs redis-server for the tests that start, freeze and stop one of their own; the package's service is not started.
set -euo pipefail
if ! command -v redis-server >/dev/null; then
  sudo ln --symbolic --force /dev/null /etc/systemd/system/redis-server.service
  sudo apt-get update --quiet
  sudo apt-get install --yes --quiet --no-install-recommends redis-server
fi
redis-server --version
