#!/usr/bin/env bash
# Print the path of the wheel built from interfaces/, building it only if no wheel of the same content is cached.
# usage: scripts/interfaces_wheel.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1

platform=$("$python" -c 'import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform())')
content=$(find interfaces requirements -type f | LC_ALL=C sort | xargs sha256sum)
key=$(sha256sum <<<"$platform $content" | cut -c 1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/isometry
folder=$cache/interfaces-$key

if ! [ -d "$folder" ]; then
  echo "== wheel of interfaces/ (once, a minute)" >&2
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/building.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$python" -m venv "$work/venv"
  pip() { "$work/venv/bin/python" -m pip "$@" >&2; }
  pip install -q -c requirements/constraints.txt pip
  pip install -q -c requirements/constraints.txt -r requirements/interfaces.txt
  export PATH="$work/venv/bin:$PATH" AMENT_PREFIX_PATH="$work/venv" CMAKE_PREFIX_PATH="$work/venv"
  pip wheel -q --no-deps --no-build-isolation -w "$work/wheel" ./interfaces
  mv -T "$work/wheel" "$folder" 2>/dev/null || [ -d "$folder" ]  # another build may have been faster
fi
echo "$folder"/*.whl
