#!/usr/bin/env bash
# Install the Debian packages that are missing: as root at once, else by printing the line that does.
# usage: scripts/system_packages.sh PACKAGE=PROOF...    PROOF is a shared library's name, or an absolute path
set -euo pipefail

loader_cache=$(/sbin/ldconfig -p)
missing=()
for pair in "$@"; do
  proof=${pair#*=}
  [ -e "$proof" ] || grep -qF "$proof " <<<"$loader_cache" || missing+=("${pair%%=*}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "== Debian packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "Missing system packages. Run this line, then try again:" >&2
  echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
