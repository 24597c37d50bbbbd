#!/bin/sh
# Converts SOURCE to TARGET, checks what was pushed, and prints what to deploy: for cron, make, or a CI server that runs shell.
#
#   REGISTRY=registry.example REGISTRY_USER=ci REGISTRY_PASSWORD=… nydus.sh SOURCE TARGET [FLAG…]
#
# Needs Node 20.18.1 or newer with npm. Nothing is left behind, neither the program nor the login.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: $0 SOURCE TARGET [FLAG of nydusify convert…]" >&2
  exit 2
fi
source=$1
target=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
export DOCKER_CONFIG="$work/docker"
export PATH="$work/node_modules/.bin:$PATH"

npm install --prefix "$work" --ignore-scripts --no-audit --no-fund nydusify-ts@0.2.0 >&2
if [ -n "${REGISTRY_PASSWORD:-}" ]; then
  printf '%s' "$REGISTRY_PASSWORD" | nydusify login --username "$REGISTRY_USER" --password-stdin "$REGISTRY" >&2
fi
nydusify convert --merge-platform "$@" --image-file "$work/image" -- "$source" "$target" >&2
nydusify check -- "$(cat "$work/image")" "$source" >&2
cat "$work/image"
echo
