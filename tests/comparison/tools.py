"""The commands of each tool for a target."""

from path import BULLHORN_PORT, IPERF3_PORTS, IRTT_PORT, in_url

TEXT_SIZE = 1420
# Headers included, as mtr and traceroute count.
PACKET_SIZE = {4: TEXT_SIZE + 28, 6: TEXT_SIZE + 48}


def commands(bullhorn, address, family, is_long, is_large):
    """Once, or for ten seconds; with small messages, or with large ones."""
    count = 10 if is_long else 3
    yield from of_bullhorn(bullhorn, in_url(address), is_long, is_large)
    large = f"-b {TEXT_SIZE} -M " if is_large else ""
    yield f"fping -{family} -c {count} -p 1000 {large}{address}"
    yield from of_traces(address, family, count, is_large)
    ports = iter(IPERF3_PORTS[:2] if family == 4 else IPERF3_PORTS[2:])
    for flags in ("", f"-u -l {TEXT_SIZE}" if is_large else "-u"):
        yield (f"iperf3 -{family} -c {address} -p {next(ports)} --connect-timeout 5000"
               f" -b 1M -t {count} {flags}").rstrip()
    large = f" -l {TEXT_SIZE}" if is_large else ""
    yield f"irtt client -{family} -q -i 500ms -d {count}s{large} {in_url(address)}:{IRTT_PORT}"
    lines = f"for i in $(seq {count}); do echo text $i; sleep 1; done"
    if is_large:
        lines = f"printf %0{TEXT_SIZE}d 0; sleep 3"
    for flags in ("-v -u", "-v"):
        nc = f"nc -{family} {flags} -w 5"
        yield f"bash -c '({lines}) | {nc} {address} {BULLHORN_PORT}'"
        if not is_long:
            yield f"{nc} -z {address} {BULLHORN_PORT}"


def of_bullhorn(bullhorn, host, is_long, is_large):
    for scheme in ("udp", "tcp"):
        url = f"{scheme}://{host}:{BULLHORN_PORT}"
        if is_long:
            ping = f"{bullhorn} ping -c 40 -i 250ms"
            yield f"{ping} {url}"
            yield f"{ping} --flows 8 {url}"
            if scheme == "tcp":
                yield f"{ping} --reconnect {url}"
        else:
            text = "x" * TEXT_SIZE if is_large else "hello"
            yield f"{bullhorn} send --timeout 5s {url} {text}"
            large = f"-s {TEXT_SIZE} -c 12 -i 500ms" if is_large else "-c 3"
            yield f"{bullhorn} ping {large} {url}"
            yield f"{bullhorn} ping --trace {url}"
            if is_large:
                yield f"{bullhorn} ping --sweep {url}"


def of_traces(address, family, count, is_large):
    large = f"-s {PACKET_SIZE[family]} " if is_large else ""
    for flags in ("", f"-u -P {BULLHORN_PORT} ", f"-T -P {BULLHORN_PORT} "):
        yield f"mtr -{family} -r -n -w -c {count} {flags}{large}{address}"
    traceroute = f"traceroute -{family} -n -q 1 -w 3 -m 5 -p {BULLHORN_PORT}"
    if is_large:
        yield f"{traceroute} -U --mtu {address} {PACKET_SIZE[family]}"
    else:
        yield f"{traceroute} -U {address}"
    yield f"{traceroute} -T {address}"
