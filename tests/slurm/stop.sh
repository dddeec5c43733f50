#!/usr/bin/env bash
# End what boot.sh started: jobs, daemons, network namespace; slurm.conf and logs (/var/log/slurm-test) stay.
set -uo pipefail
RUN=/run/slurm-test

stop() {  # PIDFILE
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    rm -f "$1"
}

grep -qsF "# written by tests/slurm/boot.sh" /etc/slurm/slurm.conf || { echo "stop.sh: no Slurm of ours here" >&2; exit 0; }
[ -s $RUN/slurmctld.pid ] && scancel --user root 2>/dev/null && sleep 1
for pidfile in $RUN/slurmd-*.pid $RUN/slurmctld.pid; do stop "$pidfile"; done
[ -e $RUN/started-munge ] && stop /run/munge/munged.pid && rm -f $RUN/started-munge
ip link delete slurm-host 2>/dev/null
ip netns delete slurm-offline 2>/dev/null
# a job of yesterday's cluster must not start in tomorrow's
rm -rf /var/lib/slurm-test
