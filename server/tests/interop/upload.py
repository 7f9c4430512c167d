#!/usr/bin/env python3
"""Files by slixmpp's XEP-0363, and by the HTTP library below it, through `cloister demo`.

    upload.py PATH-TO-CLOISTER

alice finds the service by herself, uploads files of several sizes, and sends bob a link; bob fetches
what it leads to, as a whole and in parts, and finds it to be what she had. Each claim is one line of
output; the last line counts them. Exits with 1 if one failed. Needs slixmpp and aiohttp.
"""

import asyncio
import hashlib
import io
import os
import random
import sys

import slixmpp

import demo
from claims import claim, conclusion

PATIENCE = 120

# Random, and the same each time.
RANDOM = random.Random(363)

SIZES = [1, 4096, 262_145, 5_000_000, 40 * 1024 * 1024]


class Person(slixmpp.ClientXMPP):
    """A client that is there, and keeps the messages that it gets."""

    def __init__(self, jid, password, server):
        super().__init__(jid, password)
        self.ca_certs = server.ca
        self.port = server.c2s
        self.started = asyncio.Event()
        self.messages = asyncio.Queue()
        self.add_event_handler("session_start", lambda _: self.started.set())
        self.add_event_handler("message", self.messages.put_nowait)
        for plugin in ("xep_0030", "xep_0066", "xep_0128", "xep_0199", "xep_0363"):
            self.register_plugin(plugin)

    async def online(self):
        self.connect("127.0.0.1", self.port)
        await asyncio.wait_for(self.started.wait(), PATIENCE)
        self.send_presence()
        return self


def digest(data):
    return hashlib.sha256(data).hexdigest()


async def fetch(session, url, **headers):
    async with session.get(url, headers=headers) as response:
        return response, await response.read()


async def share(server):
    import aiohttp

    (alice_jid, alice_password), (bob_jid, bob_password) = server.accounts
    alice = await Person(alice_jid, alice_password, server).online()
    bob = await Person(bob_jid, bob_password, server).online()
    upload = alice.plugin["xep_0363"]

    service = await asyncio.wait_for(upload.find_upload_service(), PATIENCE)
    claim("alice finds the service", service is not None)

    async with aiohttp.ClientSession() as session:
        for size in SIZES:
            data = RANDOM.randbytes(size)
            file = io.BytesIO(data)
            url = await asyncio.wait_for(
                upload.upload_file("très cool.jpg", size, input_file=file), PATIENCE)
            message = alice.make_message(bob_jid, url)
            message["oob"]["url"] = url
            message.send()
            came = await asyncio.wait_for(bob.messages.get(), PATIENCE)
            response, body = await fetch(session, came["oob"]["url"])
            claim(f"bob has the {size} bytes of alice", digest(body) == digest(data))
            claim("as a picture", response.headers["Content-Type"] == "image/jpeg")
            half = size // 2
            response, body = await fetch(session, url, Range=f"bytes={half}-")
            claim("the second half alone, too", response.status == 206 and body == data[half:])
            response, _ = await fetch(session, url, **{"If-None-Match": response.headers["ETag"]})
            claim("and not a second time", response.status == 304)

        most = upload.max_file_size
        claim(f"the limit is told: {most}", most == 512 * 1024 * 1024 + 16)
        pages = io.BytesIO(b"<script>alert(1)</script>")
        url = await upload.upload_file("a.html", 25, input_file=pages)
        response, _ = await fetch(session, url)
        claim("a page is not shown by a browser",
              response.headers["Content-Disposition"].startswith("attachment")
              and response.headers["Content-Type"] == "application/octet-stream")
        picture = io.BytesIO(b"x")
        url = await upload.upload_file("me.png", 1, input_file=picture, purpose="profile")
        claim("a picture for the profile is taken", (await fetch(session, url))[1] == b"x")

    for person in (alice, bob):
        await asyncio.wait_for(person.disconnect(), PATIENCE)


def main():
    with demo.running(sys.argv[1]) as server:
        # Read when the HTTP library is, which slixmpp does as late as it can.
        os.environ["SSL_CERT_FILE"] = str(server.ca)
        asyncio.run(share(server))
    return conclusion("upload")


if __name__ == "__main__":
    sys.exit(main())
