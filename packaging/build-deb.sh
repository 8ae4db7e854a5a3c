#!/bin/sh
# Build dist/sitectl_VERSION_ARCHITECTURE.deb: the virtual environment with everything inside, so that the gateway needs
# neither a compiler nor the internet. dpkg-deb and this script instead of debhelper with dh-virtualenv: that has had no
# release since 2022, wants its location, activation scripts, bytecode and units corrected afterwards, and hides in
# sequences what stands here in one page.
#
# usage: [COMPRESSION=none] build-deb.sh [DIRECTORY]    where the package goes, dist by default
set -eu
cd "$(dirname "$0")/.."

python=/usr/bin/python3 # Debian's own, never another one on PATH: the environment points at it on the gateway, too
work=build/deb
root=$work/root
home=$root/usr/lib/sitectl
out=${1:-dist}
umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

rm -rf "$work"
mkdir -p "$home" "$out"

# --- the environment -------------------------------------------------------------------------------------------------

pip() { "$home/bin/python3" -m pip --disable-pip-version-check --quiet "$@"; }

"$python" -m venv --symlinks "$home"
# From the lock files, with hashes; setuptools is among the first, and builds in place what comes as source.
pip install --no-compile --require-hashes --requirement packaging/requirements.txt
pip install --no-compile --require-hashes --no-build-isolation --use-pep517 --requirement packaging/requirements-deb.txt
mkdir "$work/source"
cp -r sitectl pyproject.toml README.md LICENSE "$work/source"
pip install --no-compile --no-deps --no-build-isolation "$work/source"
version=$("$home/bin/python3" -c 'from importlib.metadata import version; print(version("sitectl"))')
pip uninstall --yes setuptools pip 2>/dev/null

# What nobody runs on a gateway, and what tells where this was built. Bytecode is made where it is installed.
site=$(echo "$home"/lib/python3.*/site-packages)
find "$home" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$site" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find "$site" \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' \) -type f -delete
find "$site" -path '*.dist-info/*' \( -name RECORD -o -name INSTALLER -o -name REQUESTED -o -name direct_url.json \) -delete
rm -rf "$home/include" "$home/lib64" "$home/share" "$site/distutils-precedence.pth" "$site/_distutils_hack"
sed -i '/^command/d' "$home/pyvenv.cfg"
find "$home/bin" -type f -delete
find "$site" -name '*.so*' -type f -exec strip --strip-unneeded {} +
find "$site" -type f -exec chmod a-x {} +
find "$site" -name '*.py' -exec sed -i '1s/^#!.*/#/' {} +
printf 'from sitectl.cli.entry import main\n\nmain()\n' >"$home/bin/sitectl"

# --- around it -------------------------------------------------------------------------------------------------------

data=$root/usr/share/sitectl
doc=$root/usr/share/doc/sitectl
put() { install -D -m 644 "$1" "$root/$2"; }

mkdir -p "$root/usr/bin" "$data/examples" "$doc"
cat >"$root/usr/bin/sitectl" <<'END'
#!/bin/sh
exec /usr/lib/sitectl/bin/python3 -s /usr/lib/sitectl/bin/sitectl "$@"
END
chmod 755 "$root/usr/bin/sitectl"
put systemd/sitectl.service lib/systemd/system/sitectl.service
put systemd/sitectl-ocpp.socket lib/systemd/system/sitectl-ocpp.socket
put systemd/sitectl.preset lib/systemd/system-preset/50-sitectl.preset
put systemd/sitectl.sysusers usr/lib/sysusers.d/sitectl.conf
put systemd/sitectl.tmpfiles usr/lib/tmpfiles.d/sitectl.conf
put config/site.yaml usr/share/sitectl/site.yaml
put config/site.schema.json usr/share/sitectl/site.schema.json
for example in config/examples/*; do
    put "$example" "usr/share/sitectl/examples/${example##*/}"
done
cp -r packaging/grafana packaging/prometheus "$data"
find "$data" -type f -exec chmod 644 {} +
schema=$(find sitectl/store/migrations -name '[0-9]*.sql' -exec basename {} \; | sort | tail -n 1 | sed 's/^0*\([0-9]*\)_.*/\1/')
echo "$schema" >"$data/ledger-schema"
put packaging/prometheus/sitectl.rules.yml usr/share/sitectl/prometheus/sitectl.rules.yml
put packaging/prometheus/README.md usr/share/sitectl/prometheus/README.md
put packaging/grafana/sitectl.json usr/share/sitectl/grafana/sitectl.json
put packaging/mosquitto/sitectl.acl usr/share/sitectl/mosquitto/sitectl.acl
put README.md usr/share/doc/sitectl/README.md
put packaging/deb/copyright usr/share/doc/sitectl/copyright
put packaging/deb/lintian-overrides usr/share/lintian/overrides/sitectl

tell() { "$home/bin/python3" -s -B packaging/manual.py "$@"; }
mkdir -p "$root/usr/share/man/man1"
tell man "$version" "$SOURCE_DATE_EPOCH" >"$root/usr/share/man/man1/sitectl.1"
gzip -9n "$root/usr/share/man/man1/sitectl.1"
for shell in bash zsh fish; do
    case $shell in
    bash) place=usr/share/bash-completion/completions/sitectl ;;
    zsh) place=usr/share/zsh/vendor-completions/_sitectl ;;
    fish) place=usr/share/fish/vendor_completions.d/sitectl.fish ;;
    esac
    mkdir -p "$root/${place%/*}"
    tell completion "$shell" >"$root/$place"
done

maintainer=$(sed -n 's/^Upstream-Contact: //p' packaging/deb/copyright)
gzip -9n >"$doc/changelog.gz" <<END
sitectl ($version) stable; urgency=medium

  * $version; what is new stands in the project's own list of changes.

 -- $maintainer  $(date -uR -d "@$SOURCE_DATE_EPOCH")
END

# --- what dpkg is told -----------------------------------------------------------------------------------------------

mkdir -p "$root/DEBIAN" "$work/debian"
architecture=$(dpkg --print-architecture)
for script in preinst postinst prerm postrm; do
    sed "s/@SCHEMA@/$schema/g; s/@VERSION@/$version/g" "packaging/deb/$script" >"$root/DEBIAN/$script"
    chmod 755 "$root/DEBIAN/$script"
done
install -m 755 packaging/deb/config "$root/DEBIAN/config"
install -m 644 packaging/deb/templates "$root/DEBIAN/templates"

# Which system libraries the compiled parts need; libraries that came in a wheel lie beside who needs them.
printf 'Source: sitectl\n\nPackage: sitectl\nArchitecture: any\n' >"$work/debian/control"
libraries=$(find "$site" -name '*.so*' -type f | sed "s|^$work/||")
# shellcheck disable=SC2086  # one word a library
linked=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info --warnings=0 -lroot/usr/lib/sitectl $(
    find root/usr/lib/sitectl -name '*.libs' -type d -printf '-l%p '
) $libraries | sed -n 's/^shlibs:Depends=//p')
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
cat >"$root/DEBIAN/control" <<END
Package: sitectl
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), $linked, systemd, debconf (>= 0.5) | debconf-2.0, tzdata, ca-certificates
Section: net
Priority: optional
Description: local controller for EV charging sites
 sitectl runs on a small gateway beside the meters of a site where electric
 vehicles charge. To the charging stations it is their central system (OCPP);
 it shares the current of the site's circuits, so that no fuse is overloaded,
 keeps every transaction on disk, and forwards it to the central systems.
 .
 With the internet, the meter or half the stations gone it keeps charging.
END
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' md5sum >DEBIAN/md5sums)

ln -sf ../../../bin/python3 "$home/bin/python3" # only now: it leads nowhere from here
package=$out/sitectl_${version}_$architecture.deb
dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$root" "$package" >/dev/null
echo "$package"
