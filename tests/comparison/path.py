"""The path that is broken: a client, a router and two servers, each in a network namespace."""

import os
import re
import shutil
import subprocess
import tempfile
import time

ROUTER = {4: "10.77.0.1", 6: "fd77::1"}
SERVER = {4: "10.77.1.2", 6: "fd77:1::2"}
SECOND = {4: "10.77.2.2", 6: "fd77:2::2"}
# An address that both servers have.
SHARED = {4: "10.88.0.1", 6: "fd88::1"}
NOWHERE = {4: "10.99.0.1", 6: "fd99::1"}
NO_NEIGHBOUR = {4: "10.77.0.99", 6: "fd77::99"}

# Bullhorn's, irtt's, and one of an iperf3 server for each client, which serves one at a time.
BULLHORN_PORT = 3000
IRTT_PORT = 2112
IPERF3_PORTS = range(5201, 5205)
PORTS = [BULLHORN_PORT, IRTT_PORT, *IPERF3_PORTS]

MAX_LOG_LINES = 12

RULESET = """
flush ruleset
table inet comparison {{
chain rules {{
type {kind} hook {hook} priority {priority}
{rules}
}}
}}
"""


def sh(command, **options):
    return subprocess.run(command, shell=True, check=True, **options)


def in_url(address):
    return f"[{address}]" if ":" in address else address


class Path:
    """Client, router and two servers: namespaces c, r, a, b with this prefix."""

    count = 0

    def __init__(self, bullhorn):
        self.bullhorn = bullhorn
        Path.count += 1
        self.prefix = f"cmp{os.getpid()}-{Path.count}"
        self.directory = tempfile.mkdtemp(prefix="comparison")
        self.daemons = {}

    def build(self):
        for host in "crab":
            sh(f"ip netns add {self.ns(host)}")
            self.ip(host, "link set lo up")
            self.on(host, "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0"
                          " net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratemask=128"
                          " net.ipv6.conf.default.accept_dad=0")
        # Policy 3 hashes the addresses and ports of the packet, as other routers do. Policy 1 takes
        # over the hash of the sending socket, which TCP changes at each retransmission.
        self.on("r", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
                     " net.ipv4.fib_multipath_hash_policy=3 net.ipv6.fib_multipath_hash_policy=3"
                     " net.ipv4.fib_multipath_hash_fields=0x37"
                     " net.ipv6.fib_multipath_hash_fields=0x37")
        for number, host in enumerate("cab"):
            ipv6 = "fd77::" if number == 0 else f"fd77:{number}::"
            self.ip("r", f"link add to-{host} type veth peer name net0 netns {self.ns(host)}")
            for side, link, last in (("r", f"to-{host}", 1), (host, "net0", 2)):
                self.ip(side, f"address add 10.77.{number}.{last}/24 dev {link}")
                self.ip(side, f"address add {ipv6}{last}/64 dev {link} nodad")
                self.ip(side, f"link set {link} up")
            self.default_route(host)
        for host in "ab":
            self.ip(host, f"address add {SHARED[4]}/32 dev lo")
            self.ip(host, f"address add {SHARED[6]}/128 dev lo nodad")
            self.serve(host)
        time.sleep(2)

    def ns(self, host):
        return f"{self.prefix}-{host}"

    def ip(self, host, arguments):
        sh(f"ip -n {self.ns(host)} {arguments}")

    def on(self, host, command, **options):
        return sh(f"ip netns exec {self.ns(host)} {command}", **options)

    def default_route(self, host):
        number = "cab".index(host)
        self.ip(host, f"route replace default via 10.77.{number}.1")
        self.ip(host, f"-6 route replace default via fd77:{number}::1".replace(":0:", ":"))

    def daemon(self, host, command, log=None):
        output = open(os.path.join(self.directory, log), "w") if log else subprocess.DEVNULL
        daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.ns(host), *command.split()],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.daemons.setdefault(host, []).append(daemon)

    def serve(self, host):
        endpoints = f"udp://:{BULLHORN_PORT} tcp://:{BULLHORN_PORT}"
        self.daemon(host, f"{self.bullhorn} serve {endpoints} -q --rate-limit off")
        self.daemon(host, f"irtt server -b :{IRTT_PORT} --set-src-ip")
        for port in IPERF3_PORTS:
            self.daemon(host, f"iperf3 -s -p {port}")

    def kill(self, host):
        for daemon in self.daemons.pop(host, []):
            daemon.kill()
            daemon.wait()

    def firewall(self, host, hook, rules, kind="filter", priority=0):
        ruleset = RULESET.format(kind=kind, hook=hook, priority=priority, rules=rules)
        self.on(host, "nft -f -", input=ruleset.encode())

    def last_log_lines(self, name):
        """None if there is no such log."""
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            return None
        with open(path) as log:
            lines = [line for line in log if not re.search(r"\[(info|notice)\]", line)]
        return "".join(lines[-MAX_LOG_LINES:])

    def close(self):
        for host in list(self.daemons):
            self.kill(host)
        for host in "crab":
            subprocess.run(["ip", "netns", "del", self.ns(host)], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory)
