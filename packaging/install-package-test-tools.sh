#!/bin/sh
# Install what the tests of the Debian package need beside what builds it: lintian, man and shellcheck to read it,
# debootstrap and systemd-nspawn for systems to install it in. Where they cannot be had, or this is no Debian, those
# tests skip and say why: this never fails.
set -u

"$(dirname "$0")/install-deb-packages.sh" || true

missing=
for package in debootstrap lintian man-db shellcheck systemd-container; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii ' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
if command -v apt-get >/dev/null && { [ -z "$as_root" ] || command -v sudo >/dev/null; }; then
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # one word a package
    $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing && exit 0
fi
echo "the tests that need$missing will skip: install them with the package manager of this machine" >&2
