"""Redeems an invitation as a client does: makes an account with its token (XEP-0445), over direct TLS.

    redeem LINK NAME

The password is that of lib/script.py. Written against the specification, byte by byte: no library
knows this yet.
"""

import os
import re
import socket
import ssl
import sys
from xml.etree import ElementTree

DOMAIN = os.environ["XMPP_DOMAIN"]
REGISTER = "jabber:iq:register"


class Stream:
    """A stream before any login; gives its top-level elements."""

    def __init__(self):
        context = ssl.create_default_context(cafile=os.environ["XMPP_CA"])
        context.set_alpn_protocols(["xmpp-client"])
        clear = socket.create_connection((DOMAIN, 5223), timeout=300)
        self.socket = context.wrap_socket(clear, server_hostname=DOMAIN)
        self.parser = ElementTree.XMLPullParser(events=("start", "end"))
        self.depth = 0
        self.send(f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
                  f" to='{DOMAIN}' version='1.0'>")

    def send(self, text):
        self.socket.sendall(text.encode())

    def element(self):
        while True:
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "end" and self.depth == 1:
                    return element
            read = self.socket.recv(65536)
            if not read:
                sys.exit("the server ended the stream")
            self.parser.feed(read)

    def ask(self, payload):
        self.send(f"<iq id='a' type='set'>{payload}</iq>")
        answer = self.element()
        if answer.get("type") != "result":
            sys.exit(f"refused: {ElementTree.tostring(answer).decode()}")


def main():
    link, name = sys.argv[1:]
    token = re.search(r"[A-Za-z0-9_-]{20,}", link.rpartition(DOMAIN)[2]).group()
    stream = Stream()
    features = stream.element()
    assert features.find("{urn:xmpp:ibr-token:0}register") is not None, "no registration by token"
    stream.ask(f"<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>")
    stream.ask(f"<query xmlns='{REGISTER}'><username>{name}</username>"
               f"<password>the password of {name}</password></query>")
    print(f"{name}@{DOMAIN}")


main()
