#!/bin/bash
# Process 1 of the node, in namespaces of its own (mount, pid, network, hostname, ipc, cgroup).
# Gives kubelet and containerd the machine that they expect while the real one stays untouched,
# then reaps orphans for ever. Expects NODE, NODE_DIR, HOSTS and CGROUPS in its environment.
set -e

mount --make-rshared /                  # pods with mountPropagation need it; the machine is not reached
mount -t proc proc /proc
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys

# Mounted anew inside the cgroup namespace, each hierarchy has the node's own cgroup as its root.
# CGROUPS names those of version 1; where there is none the machine has version 2.
if [ -z "$CGROUPS" ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
fi
for controllers in $CGROUPS; do
    directory=/sys/fs/cgroup/${controllers#name=}
    mkdir "$directory"
    case $controllers in
        name=*) mount -t cgroup -o "none,$controllers" cgroup "$directory" ;;
        *,*) mount -t cgroup -o "$controllers" cgroup "$directory"
             for one in ${controllers//,/ }; do ln -s "$controllers" "/sys/fs/cgroup/$one"; done ;;
        *) mount -t cgroup -o "$controllers" cgroup "$directory" ;;
    esac
done

# Whatever the daemons leave in these goes with the node.
for directory in /run /opt /var/lib; do mount -t tmpfs -o mode=755 tmpfs "$directory"; done
mkdir -p /run/lock /run/netns /var/lib/cni /var/lib/kubelet
mount --bind "$NODE_DIR/kubelet" /var/lib/kubelet
mount --bind "$NODE_DIR/var-log" /var/log

# Kubelet writes these for the whole machine unless it finds the values that it wants.
fake=$NODE_DIR/fake
echo 1 > "$fake/overcommit_memory"
echo 10 > "$fake/panic"
echo 1 > "$fake/panic_on_oops"
mount --bind "$fake/overcommit_memory" /proc/sys/vm/overcommit_memory
mount --bind "$fake/panic" /proc/sys/kernel/panic
mount --bind "$fake/panic_on_oops" /proc/sys/kernel/panic_on_oops

: > "$fake/resolv.conf"                 # no resolver can be reached: asking one would only wait
printf '127.0.0.1 localhost\n%s\n' "$HOSTS" > "$fake/hosts"
mount --bind "$fake/resolv.conf" /etc/resolv.conf
mount --bind "$fake/hosts" /etc/hosts

hostname "$NODE"
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
[ ! -e /proc/sys/net/bridge ] || sysctl -qw net.bridge.bridge-nf-call-iptables=1

cd /
touch "$NODE_DIR/ready"
while :; do sleep 1000 & wait $!; done
