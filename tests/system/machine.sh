#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A machine for units.py: systemd as the first process of namespaces of its own, over this machine's files, with the
# units, users and folders of tools/deploy installed as its README says. Nothing outside is changed but for control
# groups of the name NAME, which whoever ends the machine removes.
# Usage: machine.sh NAME WORK PROGRAMS DEPLOY; WORK holds etc/tillwire/ and etc/systemd/system/ to be added.
set -euo pipefail
readonly name=$1 work=$2 programs=$3 deploy=$4

# From outside: the machine's own control groups, then its namespaces.
if [ "$name" != inside ]; then
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*/; do
        if [ -e "$hierarchy/cgroup.procs" ] && mkdir "$hierarchy/$name"; then
            echo $$ >"$hierarchy/$name/cgroup.procs" || rmdir "$hierarchy/$name"
        fi
    done
    exec unshare --mount --pid --cgroup --fork --kill-child --mount-proc "$0" inside "$work" "$programs" "$deploy"
fi

mount --make-rprivate /
mkdir -p "$work/layers"
mount -t tmpfs none "$work/layers"
mkdir -p "$work/layers/"{etc,etc-work,run,bin}
cp "$programs/tillwire-relay" "$work/layers/bin/"
mount -t overlay overlay -o "lowerdir=$work/layers/bin:/usr/bin" /usr/bin
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$work/layers/etc,workdir=$work/layers/etc-work" /etc
mount --bind "$work/layers/run" /run

cp -r "$work/etc/." /etc/
cp "$deploy"/systemd/*.socket "$deploy"/systemd/*.service /etc/systemd/system/
install -D -m 644 "$deploy/systemd/tillwire.sysusers" /etc/sysusers.d/tillwire.conf
install -D -m 644 "$deploy/systemd/tillwire-relay.tmpfiles" /etc/tmpfiles.d/tillwire.conf
systemd-sysusers tillwire.conf
systemd-tmpfiles --create tillwire.conf

# Of everything else that a machine starts, only names.
mkdir "$work/layers/names"
for target in sysinit basic sockets network multi-user shutdown default; do
    printf '[Unit]\nDefaultDependencies=no\n' >"$work/layers/names/$target.target"
done
mkdir -p /run/systemd
export SYSTEMD_UNIT_PATH=/etc/systemd/system:$work/layers/names container=other
exec /lib/systemd/systemd --system --log-target=console --show-status=0
