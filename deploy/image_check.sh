#!/usr/bin/env bash
# Starts an image as it would be deployed, read-only and without privileges, and waits until it answers: image_check.sh IMAGE
set -euo pipefail
image=$1
line=$(docker run --rm "$image" keys new check --scope monitor | tail -n 1)
container=$(docker run --detach --read-only --cap-drop ALL --tmpfs /var/lib/hearth:uid=10001,gid=10001 \
  --env "HEARTH_API_KEYS=$line" "$image")
trap 'docker rm --force "$container" >/dev/null' EXIT
for _ in {1..60}; do
  state=$(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$container")
  case $state in
    "running healthy")
      docker exec "$container" hearth verify models/production
      exit 0
      ;;
    running*) sleep 2 ;;
    *) break ;;
  esac
done
docker logs "$container" >&2
echo "image_check: $image is ${state:-gone}, not healthy" >&2
exit 1
