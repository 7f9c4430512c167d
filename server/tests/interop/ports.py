"""Ports of this machine that nobody uses."""

import random
import socket


def free(count):
    """So many of them, from below those that the system gives to outgoing connections: a port must
    stay free while a server is down."""
    found = []
    for port in random.sample(range(20000, 32000), 2000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OSError("no free ports")
