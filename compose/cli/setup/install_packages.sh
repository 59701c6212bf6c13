#!/bin/sh
# Installs Debian packages and leaves none of their services running or starting at boot.
# Needs root: sh install_packages.sh PACKAGE...
set -eu

if [ "$(id -u)" != 0 ]; then
    echo "install_packages.sh: needs root" >&2
    exit 1
fi
if [ $# = 0 ]; then
    echo "usage: install_packages.sh PACKAGE..." >&2
    exit 2
fi

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

policy=/usr/sbin/policy-rc.d
kept=/usr/sbin/policy-rc.d.before-nextphase
mark="# of nextphase, while it installs packages"
clusters=/etc/postgresql-common/createcluster.d
work=$(mktemp -d)

exec 9>/run/lock/nextphase-packages
flock 9 # one at a time: the next one must not take our policy for the machine's own

installed() {
    dpkg-query -W -f '${binary:Package} ${db:Status-Abbrev}\n' | awk '$2 ~ /^ii/ { print $1 }' | sort
}

restore() {
    rm -f "$clusters/nextphase.conf"
    rmdir "$clusters" /etc/postgresql-common 2>/dev/null || true # only where they are empty
    if [ -e "$kept" ]; then
        mv -f "$kept" "$policy"
    else
        rm -f "$policy"
    fi
    rm -rf "$work"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Maintainer scripts ask policy-rc.d whether they may start a service: 101 is no. One that an earlier run of this
# script left behind, because it was killed, is not the machine's own.
if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then
    mv -f "$policy" "$kept"
fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

# PostgreSQL's packages make a cluster of their own unless told not to.
mkdir -p "$clusters"
echo "create_main_cluster = false" >"$clusters/nextphase.conf"

dpkg --configure -a # goes on where an interrupted installation stopped
installed >"$work/before"
updated=no

update() {
    apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update
    updated=yes
}

install() {
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold \
        install --no-install-recommends "$@"
}

if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 ||
    [ -z "$(find /var/lib/apt/lists -maxdepth 0 -mtime -1)" ]; then
    update
fi
if ! install "$@"; then
    [ "$updated" = no ] || exit 1
    update # lists can be too old for the mirror within a day
    install "$@"
fi

if command -v systemctl >/dev/null; then
    installed | comm -13 "$work/before" - | while read -r package; do
        dpkg -L "$package" | sed -n 's|.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$|\1|p'
    done | sort -u | while read -r unit; do
        echo "disabling $unit"
        systemctl disable "$unit" 2>/dev/null || true # those without an install section have nothing to disable
        if [ -d /run/systemd/system ]; then
            systemctl stop "$unit" 2>/dev/null || true
        fi
    done
fi
