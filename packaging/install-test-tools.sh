#!/bin/sh
# Install what the tests need beside Python: strace, which kills the daemon at a chosen system call and records what it
# writes; faketime, which makes its clock jump; socat, a pair of serial ports; a C compiler with libmodbus, a Modbus
# server that is not ours; and mosquitto, an MQTT broker. Where they cannot be had, those tests skip and say why: this
# never fails.
set -u

missing=
for tool in strace faketime socat gcc; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
command -v gcc >/dev/null || missing="$missing libc6-dev"
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
[ -e /usr/include/modbus/modbus.h ] || missing="$missing libmodbus-dev"
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
if command -v apt-get >/dev/null && { [ -z "$as_root" ] || command -v sudo >/dev/null; }; then
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # one word a package
    $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing && exit 0
fi
echo "the tests that need$missing will skip: install them with the package manager of this machine" >&2
