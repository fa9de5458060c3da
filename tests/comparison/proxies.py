"""nginx and HAProxy on the router, before some of the servers."""

import os
import time

from path import BULLHORN_PORT, IPERF3_PORTS, PORTS, ROUTER, in_url

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log info;
events {{}}
stream {{
log_format brief '$protocol $status $session_time s, from $remote_addr:$remote_port, '
                 'backend $upstream_addr, received $upstream_bytes_received';
access_log {directory}/nginx-access.log brief;
{servers}
}}
"""

NGINX_SERVER = """
upstream {name} {{ hash $remote_addr:$remote_port; {backends} }}
server {{ listen {listen}; proxy_pass {name}; proxy_connect_timeout 5s; proxy_timeout 5s; }}
server {{ listen {listen} udp; proxy_pass {name}; proxy_timeout 5s; }}
"""

HAPROXY = """
global
 log stdout format raw daemon
defaults
 mode tcp
 log global
 option tcplog
 timeout connect 5s
 timeout client 5s
 timeout server 5s
 retries 0
"""

LOGS = ["nginx-error.log", "nginx-access.log", "haproxy.log"]


def start(path, command, configuration, log):
    name = os.path.join(path.directory, "proxy.conf")
    with open(name, "w") as file:
        file.write(configuration)
    path.daemon("r", f"{command} {name}", log)
    time.sleep(2)


def nginx(path, servers):
    """The stream module, which picks the backend by the client's port and never gives it up."""
    entries = []
    for port in PORTS:
        for family, address in ROUTER.items():
            backends = [f"server {in_url(its[family])}:{port} max_fails=0;" for its in servers]
            entries.append(NGINX_SERVER.format(
                name=f"u{port}v{family}", backends=" ".join(backends),
                listen=f"{in_url(address)}:{port}"))
    configuration = NGINX.format(directory=path.directory, servers="".join(entries))
    start(path, "nginx -c", configuration, "nginx-stderr.log")


def haproxy(path, servers):
    """In turn, without health checks."""
    configuration = HAPROXY
    for port in [BULLHORN_PORT, *IPERF3_PORTS]:
        for family, address in ROUTER.items():
            configuration += f"listen {port}v{family}\n bind {in_url(address)}:{port}\n"
            for number, its in enumerate(servers):
                configuration += f" server s{number} {in_url(its[family])}:{port}\n"
    start(path, "haproxy -db -f", configuration, "haproxy.log")
