#!/usr/bin/env bash
# Pushes an image under the digest of the bundle in it: image_push.sh IMAGE REPOSITORY [TAG ...]
#
# REPOSITORY is OWNER/NAME as GitHub writes it; registries want it in lower case. Logs in where a workflow gives its token.
# Says by which reference the registry knows the image, one that no later push can change, also on the run's page.
set -euo pipefail
image=$1
place=ghcr.io/${2,,}
shift 2
if [[ -n ${GITHUB_TOKEN:-} ]]; then
  docker login ghcr.io --username "$GITHUB_ACTOR" --password-stdin <<<"$GITHUB_TOKEN"
fi
digest=$(docker run --rm "$image" verify)
for tag in "$digest" "$@"; do
  docker tag "$image" "$place:$tag"
  docker push "$place:$tag"
done
reference=$(docker inspect --format '{{index .RepoDigests 0}}' "$place:$digest")
echo "The bundle \`$digest\` is in \`$reference\`" | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
