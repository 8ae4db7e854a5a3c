#!/bin/sh
# Install what `make deb` needs and this Debian lacks: its own Python with venv and headers, a C compiler and the headers
# of libsystemd (systemd-python comes as source only), and dpkg-dev, which looks up what the libraries inside depend on.
# None of it is needed where the package is installed.
set -eu

packages="python3 python3-venv python3-dev gcc libc6-dev pkg-config libsystemd-dev dpkg-dev ca-certificates"

if ! command -v dpkg-query >/dev/null; then
    echo "make deb builds a Debian package, and this is no Debian" >&2
    exit 1
fi

missing=
for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "make deb needs these packages, install them as root (there is no sudo here):$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086  # one word a package
$as_root apt-get install -q -y --no-install-recommends $missing
