#!/usr/bin/env python3
"""Somebody whom a browser talks to, with slixmpp. Started by ../browser/peer.mjs.

    browser_peer.py ADDRESS PORT CA-FILE JID

Reads one JSON object a line, the first with the password, and answers each with one line when it is
done. Ends when there are no more. SSL_CERT_FILE names the authority for files, too.
"""

import asyncio
import hashlib
import json
import pathlib
import sys

import aiohttp
import slixmpp

PATIENCE = 50


class Person(slixmpp.ClientXMPP):
    """A client that keeps the messages that come until they are asked for."""

    def __init__(self, jid, password, authority):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0066", "xep_0184", "xep_0199", "xep_0363"):
            self.register_plugin(plugin)
        self.ca_certs = authority
        self.enable_plaintext = False
        self.heard = asyncio.Queue()
        self.started = asyncio.Event()
        self.add_event_handler("session_start", lambda _: self.started.set())
        self.add_event_handler("message", self.note)

    def note(self, message):
        if message["body"]:
            self.heard.put_nowait(message)

    async def online(self, address, port):
        self.connect(address, port)
        await asyncio.wait_for(self.started.wait(), PATIENCE)
        await self.get_roster(timeout=PATIENCE)
        self.send_presence()
        await self.plugin["xep_0199"].send_ping(self.boundjid.domain, timeout=PATIENCE)

    async def send_text(self, to, body):
        self.send_message(to, body, mtype="chat")
        await self.plugin["xep_0199"].send_ping(self.boundjid.domain, timeout=PATIENCE)
        return {}

    async def hear(self, sender):
        while True:
            message = await self.heard.get()
            if message["from"].bare == sender:
                return {"body": message["body"], "oob": message["oob"]["url"]}

    async def send_file(self, to, path):
        upload = self.plugin["xep_0363"]
        url = await upload.upload_file(pathlib.Path(path), timeout=PATIENCE)
        message = self.make_message(to, url, mtype="chat")
        message["oob"]["url"] = url
        message.send()
        return {"url": url}

    async def fetch(self, url):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            body = await response.read()
            digest = hashlib.sha256(body).hexdigest()
            return {"status": response.status, "type": response.content_type, "sha256": digest}

    async def do(self, order):
        match order["do"]:
            case "send":
                return await self.send_text(order["to"], order["body"])
            case "send_file":
                return await self.send_file(order["to"], order["path"])
            case "hear":
                return await self.hear(order["from"])
            case "fetch":
                return await self.fetch(order["url"])


async def orders():
    """The lines of standard input."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield json.loads(line)


def answer(what):
    print(json.dumps(what), flush=True)


async def main():
    address, port, authority, jid = sys.argv[1:]
    person = None
    async for order in orders():
        try:
            if person is None:
                person = Person(jid, order["password"], authority)
                await asyncio.wait_for(person.online(address, int(port)), PATIENCE)
                answer({})
            else:
                answer(await asyncio.wait_for(person.do(order), PATIENCE))
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})
    if person is not None:
        await asyncio.wait_for(person.disconnect(), PATIENCE)


if __name__ == "__main__":
    asyncio.run(main())
