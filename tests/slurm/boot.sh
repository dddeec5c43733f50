#!/usr/bin/env bash
# A real Slurm on this machine, for the tests: one controller and five nodes, without accounting. Root on Debian or Ubuntu.
#   partition nodes   (default) n1 n2 n3: as the machine itself
#   partition offline x1 x2: in a network namespace that reaches the controller's address and nothing else
# Running it again when the nodes are up does nothing. stop.sh ends it.
set -euo pipefail

CONF=/etc/slurm/slurm.conf      # nowhere else: jobs do not inherit SLURM_CONF
MARK="# written by tests/slurm/boot.sh"
RUN=/run/slurm-test STATE=/var/lib/slurm-test LOGS=/var/log/slurm-test
NETNS=slurm-offline HOST_LINK=slurm-host NODE_LINK=slurm-nodes
HOST_ADDRESS=10.213.77.1 NODE_ADDRESS=10.213.77.2
ONLINE=(n1 n2 n3) OFFLINE=(x1 x2)

fail() { echo "boot.sh: $*" >&2; exit 1; }

install_slurm() {
    local tool missing=""
    for tool in slurmctld slurmd sbatch munged ip nsenter; do command -v $tool >/dev/null || missing+=" $tool"; done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "no apt-get to install$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        slurmctld slurmd slurm-client munge iproute2 >/dev/null
}

write_conf() {
    cat >$CONF <<END
$MARK
ClusterName=test
SlurmctldHost=$(hostname -s)($HOST_ADDRESS)
SlurmUser=root
AuthType=auth/munge
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd-%n.pid
StateSaveLocation=$STATE/ctld
SlurmdSpoolDir=$STATE/slurmd-%n
SlurmctldLogFile=$LOGS/slurmctld.log
SlurmdLogFile=$LOGS/slurmd-%n.log
# neither cgroups nor systemd are needed: a container has them read-only or not at all
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
# several slurmd on one machine, each with more CPUs than it would find
SlurmdParameters=config_overrides
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=5,batch_sched_delay=1,defer=0
# no accounting: squeue and scontrol must remember finished jobs
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=7200
KillWait=5
$(node_lines 17000 "$HOST_ADDRESS" "${ONLINE[@]}")
$(node_lines 17100 "$NODE_ADDRESS" "${OFFLINE[@]}")
PartitionName=nodes Nodes=$(IFS=,; echo "${ONLINE[*]}") Default=YES MaxTime=INFINITE State=UP
PartitionName=offline Nodes=$(IFS=,; echo "${OFFLINE[*]}") MaxTime=INFINITE State=UP
END
    # slurmd sets its cgroup plugin up even when nothing uses it: give it a plain folder
    printf '%s\n' "$MARK" CgroupPlugin=cgroup/v1 "CgroupMountpoint=$RUN/cgroup" >"$(dirname $CONF)/cgroup.conf"
}

node_lines() {  # FIRST_PORT ADDRESS NAME...
    local port=$1 address=$2 name
    shift 2
    for name in "$@"; do
        echo "NodeName=$name NodeHostname=$(hostname -s) NodeAddr=$address Port=$((port++)) CPUs=4 RealMemory=8000 State=UNKNOWN"
    done
}

make_network() {
    ip netns pids $NETNS >/dev/null 2>&1 || ip netns add $NETNS || fail "may not make a network namespace (CAP_SYS_ADMIN)"
    if ! ip link show $HOST_LINK >/dev/null 2>&1; then
        ip link add $HOST_LINK type veth peer name $NODE_LINK netns $NETNS
        ip address add $HOST_ADDRESS/30 dev $HOST_LINK
        ip -n $NETNS address add $NODE_ADDRESS/30 dev $NODE_LINK
    fi
    ip link set $HOST_LINK up
    # loopback of its own, no default route
    ip -n $NETNS link set lo up
    ip -n $NETNS link set $NODE_LINK up
}

start_munge() {
    munge -n >/dev/null 2>&1 && return
    install -d -o munge -g munge -m 700 /etc/munge
    [ -s /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none; }
    install -d -o munge -g munge -m 755 /run/munge
    install -d -o munge -g munge -m 700 /var/lib/munge /var/log/munge
    chown munge:munge /etc/munge/munge.key && chmod 400 /etc/munge/munge.key
    runuser -u munge -- "$(command -v munged)" && touch $RUN/started-munge
}

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

start_daemons() {
    local name
    alive $RUN/slurmctld.pid || slurmctld
    for name in "${ONLINE[@]}"; do alive $RUN/slurmd-$name.pid || slurmd -N $name; done
    # not `ip netns exec`, which hides /sys/fs/cgroup
    for name in "${OFFLINE[@]}"; do alive $RUN/slurmd-$name.pid || nsenter --net=/run/netns/$NETNS slurmd -N $name; done
}

usable_nodes() { sinfo -h -N -t idle,mixed,allocated -o %N 2>/dev/null | sort -u | wc -l; }

wait_for_nodes() {
    local wanted=$((${#ONLINE[@]} + ${#OFFLINE[@]}))
    for _ in $(seq 60); do
        [ "$(usable_nodes)" -eq "$wanted" ] && return
        sleep 0.5
    done
    sinfo -N -o "%N %T %E" >&2 || true
    tail -n 5 $LOGS/*.log >&2 || true
    fail "the nodes did not come up within 30 s"
}

[ "$(id -u)" = 0 ] || fail "needs root"
[ ! -e $CONF ] || grep -qF "$MARK" $CONF || fail "$CONF exists and is not ours: this machine belongs to a cluster"
install_slurm
mkdir -p $RUN/cgroup $STATE/ctld $LOGS "$(dirname $CONF)"
for name in "${ONLINE[@]}" "${OFFLINE[@]}"; do mkdir -p $STATE/slurmd-$name; done
make_network
alive $RUN/slurmctld.pid || write_conf
start_munge
start_daemons
wait_for_nodes
sinfo
