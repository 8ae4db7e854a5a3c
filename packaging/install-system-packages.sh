#!/bin/sh
# Install the few system packages that `make` needs and this machine lacks: a Python of 3.11 or newer that can make a
# virtual environment. Does nothing where they are there; asks for root only where they are not.
set -eu

python=${PYTHON:-python3}

has_python() { "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }

if has_python && has_venv; then
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    echo "sitectl needs Python 3.11 or newer with its venv module ('$python' has not both), and this is no Debian:" >&2
    echo "install them with the package manager of this machine, or name another one: make PYTHON=/path/to/python3" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "sitectl needs the packages python3 and python3-venv: install them as root (there is no sudo here)" >&2
        exit 1
    fi
    as_root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
$as_root apt-get install -q -y --no-install-recommends python3 python3-venv ca-certificates

if ! { has_python && has_venv; }; then
    echo "'$python' is still not a Python of 3.11 or newer with venv: name one with make PYTHON=/path/to/python3" >&2
    exit 1
fi
