#!/usr/bin/env python3
"""Two people with slixmpp, a client library that nobody here wrote, on `cloister demo`.

    slixmpp_chat.py PATH-TO-CLOISTER

Starts the demo in a directory of its own, logs in over STARTTLS and direct TLS, and goes through
roster, subscription, presence, chat, offline messages and blocking. Each claim is one line of
output; the last line counts them. Exits with 1 if one failed.
"""

import asyncio
import ssl
import sys

import slixmpp
from slixmpp.exceptions import IqError

import demo
from claims import claim, conclusion, remark

PATIENCE = 30


class Person(slixmpp.ClientXMPP):
    """A client that keeps what comes, so that it can be waited for."""

    def __init__(self, jid, password, server, mechanism=None, direct=False):
        super().__init__(jid, password, sasl_mech=mechanism)
        for plugin in ("xep_0030", "xep_0191", "xep_0199", "xep_0203"):
            self.register_plugin(plugin)
        self.ca_certs = server.ca
        self.enable_plaintext = False
        self.enable_starttls = not direct
        self.enable_direct_tls = direct
        self.port_of_mode = server.tls if direct else server.c2s
        self.seen = asyncio.Queue()
        self.used = None
        for event in ("message", "presence_subscribe", "presence_subscribed", "changed_status",
                      "failed_auth", "session_start", "message_error"):
            self.add_event_handler(event, lambda stanza, event=event: self.note(event, stanza))
        self.auto_authorize = None
        self.auto_subscribe = False

    def note(self, event, stanza):
        self.seen.put_nowait((event, stanza))

    async def expect(self, event, test=lambda stanza: True):
        """The next stanza of that kind which passes the test; others are passed over."""
        async def wait():
            while True:
                kind, stanza = await self.seen.get()
                if kind == event and test(stanza):
                    return stanza
        return await asyncio.wait_for(wait(), PATIENCE)

    async def online(self):
        """Connects, logs in, asks for the roster, becomes available."""
        self.connect("127.0.0.1", self.port_of_mode)
        await self.expect("session_start")
        self.used = self.plugin["feature_mechanisms"].mech.name
        await asyncio.wait_for(self.get_roster(), PATIENCE)
        self.send_presence()
        return self

    async def fence(self):
        """Everything that was sent before has been handled when this returns."""
        await asyncio.wait_for(self.plugin["xep_0199"].send_ping(self.boundjid.domain), PATIENCE)

    async def offline(self):
        await asyncio.wait_for(self.disconnect(), PATIENCE)


def bodies(message):
    return message["body"]


async def chat(server):
    (alice_jid, alice_password), (bob_jid, bob_password) = server.accounts

    alice = await Person(alice_jid, alice_password, server).online()
    claim("alice logs in over STARTTLS", alice.is_connected())
    version = alice.socket.version()
    claim(f"over {version}", version == "TLSv1.3")
    bob = await Person(bob_jid, bob_password, server, direct=True).online()
    claim("bob logs in over direct TLS", bob.is_connected())
    if "tls-exporter" in ssl.CHANNEL_BINDING_TYPES:
        claim("the login is bound to TLS: " + alice.used, alice.used.endswith("-PLUS"))
    else:
        remark("this Python cannot export keying material, so no -PLUS here: " + alice.used)
        claim("the login is by SCRAM", alice.used.startswith("SCRAM"))

    alice.send_presence_subscription(bob_jid)
    request = await bob.expect("presence_subscribe")
    claim("bob is asked for a subscription", request["from"].bare == alice_jid)
    bob.send_presence_subscription(alice_jid, ptype="subscribed")
    await alice.expect("presence_subscribed")
    bob.send_presence_subscription(alice_jid)
    await alice.expect("presence_subscribe")
    alice.send_presence_subscription(bob_jid, ptype="subscribed")
    await bob.expect("presence_subscribed")
    await alice.fence()
    await bob.fence()
    for name, person, other in (("alice", alice, bob_jid), ("bob", bob, alice_jid)):
        await person.get_roster()
        item = person.client_roster[other]
        claim(f"{name}'s roster says both", item["subscription"] == "both")

    bob.send_presence(pshow="away", pstatus="walking")
    seen = await alice.expect("changed_status", lambda p: p["status"] == "walking")
    claim("alice sees that bob is away", seen["show"] == "away")
    bob.send_presence()

    alice.send_message(bob_jid, "Good morning, Bob", mtype="chat")
    heard = await bob.expect("message")
    claim("bob reads what alice writes", bodies(heard) == "Good morning, Bob")
    claim("it comes from alice's device", heard["from"] == alice.boundjid)
    bob.send_message(alice.boundjid, "Grüße, Alice & <co> 👋", mtype="chat")
    heard = await alice.expect("message")
    claim("alice reads what bob writes", bodies(heard) == "Grüße, Alice & <co> 👋")

    await bob.offline()
    await alice.expect("changed_status", lambda p: p["type"] == "unavailable")
    claim("alice sees that bob is gone", True)
    for number in range(3):
        alice.send_message(bob_jid, f"while you were out {number}", mtype="chat")
    await alice.fence()
    bob = await Person(bob_jid, bob_password, server, mechanism="SCRAM-SHA-256").online()
    kept = [await bob.expect("message") for _ in range(3)]
    claim("what was said meanwhile waits, in order",
          [bodies(m) for m in kept] == [f"while you were out {n}" for n in range(3)])
    claim("and says since when", all(m["delay"]["stamp"] is not None for m in kept))
    claim("SCRAM-SHA-256 by choice", bob.used == "SCRAM-SHA-256")

    await bob.plugin["xep_0191"].block(alice_jid)
    alice.send_message(bob_jid, "can you hear me?", mtype="chat")
    bounced = await alice.expect("message_error")
    claim("whoever is blocked is told as if nobody were there",
          bounced["error"]["condition"] == "service-unavailable")
    await bob.fence()
    claim("and is not heard", all(event != "message" for event, _ in list(bob.seen._queue)))
    blocked = (await bob.plugin["xep_0191"].get_blocked())["blocklist"]
    blocked = [str(item["jid"]) for item in blocked]
    claim("the list says who is blocked", blocked == [alice_jid])
    await bob.plugin["xep_0191"].unblock(alice_jid)
    alice.send_message(bob_jid, "and now?", mtype="chat")
    heard = await bob.expect("message")
    claim("after unblocking bob hears alice again", bodies(heard) == "and now?")

    try:
        await alice.plugin["xep_0030"].get_info("example.org", timeout=PATIENCE)
        claim("a foreign domain cannot be reached", False)
    except IqError as error:
        claim("a foreign domain cannot be reached", error.condition == "remote-server-not-found")
    info = await alice.plugin["xep_0030"].get_info(alice.boundjid.domain, timeout=PATIENCE)
    features = info["disco_info"]["features"]
    claim("the server says what it can do", {"urn:xmpp:ping", "urn:xmpp:blocking"} <= set(features))

    stranger = Person(bob_jid, "not the password", server)
    stranger.connect("127.0.0.1", server.c2s)
    await stranger.expect("failed_auth")
    claim("a wrong password is refused", True)
    stranger.abort()
    await alice.offline()
    await bob.offline()


def main():
    with demo.running(sys.argv[1]) as server:
        asyncio.run(chat(server))
    remark(f"with slixmpp {slixmpp.__version__}")
    sys.exit(conclusion("slixmpp"))


main()
