"""What somebody tries who has no account, with bare sockets.

    stranger HOST ports             the TCP ports that take a connection, of all there are
    stranger HOST bare ELEMENT      says ELEMENT on port 5222 before TLS; prints what comes back
"""

import os
import resource
import socket
import sys
import time

DOMAIN = os.environ["XMPP_DOMAIN"]
OPENING = (f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' "
           "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
# A firewall that drops says nothing, so ports cost this long (seconds), many of them together. A first
# frame that is lost is sent again meanwhile.
SILENCE, TOGETHER = 5, 4000


def is_open(connection):
    """Whether it was made. On the stranger's own machine it may have met itself: that is none."""
    try:
        return connection.getpeername() != connection.getsockname()
    except OSError:
        return False


def ports(host):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for first in range(1, 65536, TOGETHER):
        attempts = {}
        for port in range(first, min(first + TOGETHER, 65536)):
            attempts[port] = connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex((host, port))
        time.sleep(SILENCE)
        for port, connection in attempts.items():
            if is_open(connection):
                print(port)
            connection.close()


def bare(host, element):
    """Everything that the server says until it closes or is silent."""
    with socket.create_connection((host, 5222), timeout=60) as connection:
        connection.sendall((OPENING + element).encode())
        said = b""
        try:
            while chunk := connection.recv(65536):
                said += chunk
                connection.settimeout(10)
        except TimeoutError:
            said += b"\n(and then nothing)"
        else:
            said += b"\n(and then it closed)"
    print(said.decode())


if __name__ == "__main__":
    target = socket.gethostbyname(sys.argv[1])
    if sys.argv[2] == "ports":
        ports(target)
    else:
        bare(target, sys.argv[3])
