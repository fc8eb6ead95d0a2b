#!/bin/sh
# Installs the servers and the browser that the tests drive, and what puts load on in `make bench`, when they are
# missing and we are root on Debian.
set -eu
packages="redis-server mariadb-server chromium default-libmysqlclient-dev pkg-config gcc python3-dev python3-venv fonts-dejavu-core faketime openssl mount wrk prometheus"
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need:$missing. Install them as root: apt-get install$missing" >&2
    exit 1
fi
echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The servers are started by the tests themselves: none is started at installation.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
if ! { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; } > "$log" 2>&1; then
    tail -20 "$log" >&2
    echo "The packages could not be installed; the whole log is in $log" >&2
    exit 1
fi
rm -f "$log"
