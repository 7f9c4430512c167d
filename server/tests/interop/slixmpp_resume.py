#!/usr/bin/env python3
"""What a phone needs, with slixmpp, a client library that nobody here wrote, on `cloister demo`.

    slixmpp_resume.py PATH-TO-CLOISTER

Resumes a session after a lost connection, after a restart of the server and after its death, reads
an archive of 5,000 messages in both directions, and looks at carbons and client states. Each claim
is one line of output; the last line counts them. Exits with 1 if one failed.
"""

import asyncio
import sys
import time

import slixmpp

import demo
from claims import claim, conclusion, remark

PATIENCE = 60
MANY = 5000


class Device(slixmpp.ClientXMPP):
    """A client that keeps what comes, so that it can be waited for."""

    def __init__(self, jid, password, server):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0059", "xep_0198", "xep_0199", "xep_0280", "xep_0297",
                       "xep_0313", "xep_0352", "xep_0359"):
            self.register_plugin(plugin)
        self.ca_certs = server.ca
        self.port = server.c2s
        self.enable_plaintext = False
        self.enable_direct_tls = False
        self.seen = asyncio.Queue()
        for event in ("message", "session_start", "session_resumed", "sm_enabled", "disconnected",
                      "carbon_received", "carbon_sent", "changed_status", "failed_auth"):
            self.add_event_handler(event, lambda what, event=event: self.note(event, what))

    def note(self, event, what):
        self.seen.put_nowait((event, what))

    async def expect(self, event, test=lambda what: True):
        """The next of that kind which passes the test; others are passed over."""
        async def wait():
            while True:
                kind, what = await self.seen.get()
                if kind == event and test(what):
                    return what
        return await asyncio.wait_for(wait(), PATIENCE)

    async def online(self):
        self.connect("127.0.0.1", self.port)
        await self.expect("session_start")
        await asyncio.wait_for(self.plugin["xep_0280"].enable(), PATIENCE)
        self.send_presence()
        await self.fence()
        return self

    async def fence(self):
        """Everything that was sent before has been handled when this returns."""
        await asyncio.wait_for(self.plugin["xep_0199"].send_ping(self.boundjid.domain), PATIENCE)

    def lose(self):
        """The connection is gone, without a word."""
        self.transport.abort()

    async def resumed(self):
        """Connects again; whether the session was resumed."""
        self.connect("127.0.0.1", self.port)

        async def wait():
            while True:
                kind, _ = await self.seen.get()
                if kind in ("session_resumed", "session_start"):
                    return kind == "session_resumed"
        return await asyncio.wait_for(wait(), PATIENCE)

    async def bodies(self, count):
        """The bodies of the next so many messages."""
        return [(await self.expect("message"))["body"] for _ in range(count)]

    async def quiet(self):
        """Whether no message comes any more."""
        await self.fence()
        return all(event != "message" for event, _ in list(self.seen._queue))

    async def history(self, reverse, page):
        """The archive as it is paged through: ids and bodies."""
        found = []
        mam = self.plugin["xep_0313"].iterate(rsm={"max": page}, reverse=reverse)
        async for message in mam:
            result = message["mam_result"]
            found.append((result["id"], result["forwarded"]["stanza"]["body"]))
        return found


async def sessions(server, alice, bob):
    claim("stream management is on", alice.plugin["xep_0198"].sm_id is not None)

    alice.lose()
    await alice.expect("disconnected")
    for number in range(3):
        bob.send_message(alice.boundjid.bare, f"while you were cut off {number}", mtype="chat")
    await bob.fence()
    claim("a lost session is resumed", await alice.resumed())
    claim("what was said meanwhile comes, in order",
          await alice.bodies(3) == [f"while you were cut off {n}" for n in range(3)])
    claim("and once", await alice.quiet())

    for what, end in (("restart", server.stop), ("death", server.kill)):
        await alice.fence()
        await bob.fence()
        alice.plugin["xep_0198"].send_ack()
        alice.send_message(bob.boundjid.bare, f"before the {what}", mtype="chat")
        claim(f"bob hears alice before the {what}",
              await bob.bodies(1) == [f"before the {what}"])
        # The server knows that alice has everything, and alice that it has.
        alice.plugin["xep_0198"].request_ack()
        bob.plugin["xep_0198"].send_ack()
        await asyncio.sleep(0.5)
        alice.lose()
        await alice.expect("disconnected")
        bob.send_message(alice.boundjid.bare, f"just before the {what}", mtype="chat")
        await bob.fence()
        end()
        await bob.expect("disconnected")
        server.start()
        claim(f"bob's session is resumed after the {what}", await bob.resumed())
        bob.send_message(alice.boundjid.bare, f"after the {what}", mtype="chat")
        await bob.fence()
        claim(f"alice's session is resumed after the {what}", await alice.resumed())
        claim(f"nothing is lost by the {what}, and the order is right",
              await alice.bodies(2) == [f"just before the {what}", f"after the {what}"])
        claim("nothing comes twice", await alice.quiet() and await bob.quiet())


async def carbons(alice, bob, chamber):
    bob.send_message(alice.boundjid, "to one device", mtype="chat")
    heard = await alice.expect("message")
    copy = await chamber.expect("carbon_received")
    copied = copy["carbon_received"]
    claim("alice's other device gets a copy of what she hears", copied["body"] == heard["body"])
    same = copied["stanza_id"]["id"] == heard["stanza_id"]["id"] != ""
    claim("under the same id", same)
    alice.send_message(bob.boundjid.bare, "from one device", mtype="chat")
    await bob.expect("message")
    copy = (await chamber.expect("carbon_sent"))["carbon_sent"]
    claim("and of what she says", copy["body"] == "from one device")


async def states(alice, bob):
    claim("client states are offered", alice.plugin["xep_0352"].enabled)
    alice.plugin["xep_0352"].send_inactive()
    bob.send_raw(f"<message to='{alice.boundjid}' type='chat'>"
                 "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    bob.send_message(alice.boundjid, "urgent", mtype="chat")
    heard = await alice.expect("message", lambda message: message["body"])
    claim("a message comes at once to a device that sleeps", heard["body"] == "urgent")
    alice.plugin["xep_0352"].send_active()
    await alice.fence()


async def archives(alice, bob):
    before = len(await alice.history(False, 100))
    begin = time.monotonic()
    texts = [f"message {number}" for number in range(MANY)]
    for at in range(0, MANY, 250):
        for text in texts[at:at + 250]:
            alice.send_message(bob.boundjid.bare, text, mtype="chat")
        await alice.fence()
    live = await bob.bodies(MANY)
    remark(f"{MANY} messages in {time.monotonic() - begin:.1f} s")
    claim(f"bob hears {MANY} messages, in order", live == texts)
    for name, device in (("alice", alice), ("bob", bob)):
        begin = time.monotonic()
        forwards = await device.history(False, 50)
        remark(f"paged through in {time.monotonic() - begin:.1f} s")
        claim(f"{name}'s archive holds all that was sent, in order",
              [body for _, body in forwards][-MANY:] == texts)
        claim("and nothing twice", len({key for key, _ in forwards}) == len(forwards))
        backwards = await device.history(True, 70)
        claim("backwards it is the same", backwards == forwards[::-1])
    claim("nothing was added to what there was", len(forwards) == before + MANY)


async def play(server):
    (alice_jid, alice_password), (bob_jid, bob_password) = server.accounts
    alice = await Device(alice_jid, alice_password, server).online()
    bob = await Device(bob_jid, bob_password, server).online()
    await sessions(server, alice, bob)
    chamber = await Device(alice_jid, alice_password, server).online()
    await carbons(alice, bob, chamber)
    await chamber.disconnect()
    await states(alice, bob)
    await archives(alice, bob)
    for device in (alice, bob):
        await asyncio.wait_for(device.disconnect(), PATIENCE)


def main():
    with demo.running(sys.argv[1]) as server:
        asyncio.run(play(server))
    remark(f"with slixmpp {slixmpp.__version__}")
    sys.exit(conclusion("slixmpp"))


main()
