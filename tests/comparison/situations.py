"""What is broken, and when."""

import time

from path import NO_NEIGHBOUR, NOWHERE, PORTS, ROUTER, SECOND, SERVER, SHARED
from proxies import haproxy, nginx

# Everything but neighbour discovery.
DROP = "meta l4proto { tcp, udp, icmp } drop\nicmpv6 type echo-request drop"
RESET = "meta l4proto tcp reject with tcp reset"
REFUSE_NEW = "tcp flags & (syn | ack) == syn reject with tcp reset"
TOO_BIG_DROP = "icmp type destination-unreachable drop\nicmpv6 type packet-too-big drop"


def dnat(path, target):
    ports = ", ".join(map(str, PORTS))
    rules = "\n".join(
        f"{ip} daddr {ROUTER[family]} meta l4proto {{ tcp, udp }} th dport {{ {ports} }}"
        f" dnat {ip} to {target[family]}"
        for family, ip in ((4, "ip"), (6, "ip6")))
    path.firewall("r", "prerouting", rules, "nat", -100)


def multipath(path):
    for family, number in ((4, "10.77.{}.2"), (6, "fd77:{}::2")):
        hops = " ".join(f"nexthop via {number.format(n)}" for n in (1, 2))
        path.ip("r", f"-{family} route add {SHARED[family]} {hops}")


def reject(path, host, hook, kind):
    path.firewall(host, hook, f"ip daddr {SERVER[4]} reject with icmp type {kind}\n"
                              f"ip6 daddr {SERVER[6]} reject with icmpv6 type {kind}")


def change_address(path):
    path.ip("c", "address del 10.77.0.2/24 dev net0")
    path.ip("c", "address add 10.77.0.3/24 dev net0")
    path.ip("c", "-6 address del fd77::2/64 dev net0")
    path.ip("c", "-6 address add fd77::3/64 dev net0 nodad")
    path.default_route("c")


def restart(path):
    path.kill("a")
    time.sleep(1)
    path.serve("a")


def no_route(path):
    path.ip("c", "route del default")
    path.ip("c", "-6 route del default")


def stale(path):
    dnat(path, SECOND)
    path.firewall("a", "input", DROP)


def small_mtu(path):
    path.ip("r", "link set to-a mtu 1400")
    path.ip("a", "link set net0 mtu 1400")


def black_hole(path):
    small_mtu(path)
    path.firewall("r", "output", TOO_BIG_DROP)


def second_drops(path):
    path.firewall("b", "input", DROP)



# Name: target, what is broken from the start, what breaks while the tools run.
SITUATIONS = {
    "closed-port": (SERVER, lambda p: p.kill("a"), None),
    "prohibited": (SERVER, lambda p: reject(p, "r", "forward", "admin-prohibited"), None),
    "port-unreachable": (SERVER, lambda p: reject(p, "r", "forward", "port-unreachable"), None),
    "reset": (SERVER, lambda p: p.firewall("r", "forward", RESET), None),
    "router-no-route": (NOWHERE, lambda p: None, None),
    "no-route": (SERVER, no_route, None),
    "no-neighbour": (NO_NEIGHBOUR, lambda p: None, None),
    "drop": (SERVER, lambda p: p.firewall("r", "forward", "drop"), None),
    "own-reject": (SERVER, lambda p: reject(p, "c", "output", "admin-prohibited"), None),
    "own-drop": (SERVER, lambda p: p.firewall("c", "output", DROP), None),
    "too-big": (SERVER, small_mtu, None),
    "black-hole": (SERVER, black_hole, None),
    "nginx-gone": (ROUTER, lambda p: (p.kill("a"), nginx(p, [SERVER])), None),
    "haproxy-gone": (ROUTER, lambda p: (p.kill("a"), haproxy(p, [SERVER])), None),
    "nginx-leg": (ROUTER, lambda p: nginx(p, [SERVER, SECOND]), second_drops),
    "haproxy-leg": (ROUTER, lambda p: haproxy(p, [SERVER, SECOND]), second_drops),
    "ecmp-leg": (SHARED, multipath, second_drops),
    "stale-dnat": (ROUTER, lambda p: dnat(p, SERVER), stale),
    "restarted": (SERVER, lambda p: None, restart),
    "new-refused": (SERVER, lambda p: None, lambda p: p.firewall("r", "forward", REFUSE_NEW)),
    "address-changed": (SERVER, lambda p: None, change_address),
}
