#!/usr/bin/env bash
# Set up .venv for the package in this folder. Where a ROS 2 is sourced it is used; where none is, its wheels are.
# usage: scripts/setup.sh EXTRA...    extras of setup.py: `view evaluate` to run, `view evaluate train test docs` to develop
# PYTHON names the Python to build on.
set -euo pipefail
cd "$(dirname "$0")/.."
# The ROS wheels restart Python with a library path and leave this mark, which belongs to another environment.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE

develop=$([[ " $* " == *" test "* ]] && echo yes || true)
base_python=${PYTHON:-python3}
venv=$PWD/.venv
version=$("$base_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
  3.10 | 3.11 | 3.12) ;;
  *) echo "Python $version is not supported: name a Python 3.10 to 3.12, for example make PYTHON=python3.11" >&2 && exit 1 ;;
esac

standard_library=$("$base_python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
packages=(
  "python$version-venv=$standard_library/ensurepip/__init__.py"
  libgl1=libGL.so.1 libegl1=libEGL.so.1 libx11-6=libX11.so.6 libusb-1.0-0=libusb-1.0.so.0 libgomp1=libgomp.so.1
)
if [ -z "${ROS_DISTRO:-}" ]; then
  headers=$("$base_python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  packages+=("libpython$version-dev=$headers/Python.h")
  [ -z "$develop" ] || packages+=(libz3-4=libz3.so.4 "libpython$version=libpython$version.so.1.0")
fi
scripts/system_packages.sh "${packages[@]}"

[ -x "$venv/bin/python" ] || "$base_python" -m venv ${ROS_DISTRO:+--system-site-packages} "$venv"
pip() { "$venv/bin/python" -m pip "$@"; }
extras=("$@")
[ -n "${ROS_DISTRO:-}" ] || extras+=(ros)
constraints=requirements/$([ -n "${ROS_DISTRO:-}" ] && echo ros_distribution.txt || echo constraints.txt)

echo "== Python packages into .venv (${extras[*]})"
pip install -q -c "$constraints" pip
export PYTHONWARNINGS="ignore:Editable installation"
pip install -q -c "$constraints" -e ".[$(IFS=, && echo "${extras[*]}")]"

if [ -z "${ROS_DISTRO:-}" ]; then
  pip install -q --no-deps --force-reinstall "$(scripts/interfaces_wheel.sh "$base_python")"
  if [ -n "$develop" ]; then
    # The program that runs launch files is linked against Python 3.10; any newer one serves it under that name.
    pip install -q --no-deps -c "$constraints" play-launch
    libpython=$(/sbin/ldconfig -p | awk -v name="libpython$version.so.1.0" '$1 == name { print $NF }' | tail -n 1)
    ln -sf "$libpython" "$venv/lib/libpython3.10.so.1.0"
  fi
fi

# pip leaves out data files of an editable install: with these links .venv is a ROS prefix that serves this folder.
share=$venv/share/isometry
rm -rf "$share"
mkdir -p "$share/launch" "$venv/lib/isometry" "$venv/share/ament_index/resource_index/packages"
ln -sfn "$PWD/resource/isometry" "$venv/share/ament_index/resource_index/packages/isometry"
# Launch files are linked one by one: what looks for them in a share folder does not walk into linked folders.
for name in package.xml config launch/*.launch.*; do ln -sfn "$PWD/$name" "$share/$name"; done
for path in "$venv"/bin/isometry "$venv"/bin/*_node; do ln -sfn "$path" "$venv/lib/isometry/${path##*/}"; done
