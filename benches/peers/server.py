"""The ten-line Python server: one datagram in, its capitals out. One extra line gives it the
same receive buffer as its peers, and one prints its port."""
import socket, sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
server.bind(("127.0.0.1", int(sys.argv[1])))
print("port", server.getsockname()[1], flush=True)
while True:
    text, client = server.recvfrom(65535)
    server.sendto(text.decode(errors="surrogateescape").upper().encode(errors="surrogateescape"), client)
