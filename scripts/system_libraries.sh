#!/usr/bin/env bash
# Install the Debian packages whose shared libraries the wheels load: as root if they are missing, else say how.
# usage: scripts/system_libraries.sh PACKAGE=LIBRARY...
set -euo pipefail

loader_cache=$(/sbin/ldconfig -p)
missing=()
for pair in "$@"; do
  grep -qF "${pair#*=} " <<<"$loader_cache" || missing+=("${pair%%=*}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "== Debian packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Missing system libraries. Run this line, then try again:" >&2
  echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
