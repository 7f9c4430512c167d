#!/usr/bin/env python3
"""OMEMO between clients of different make, through `cloister demo`.

    omemo_chat.py PATH-TO-CLOISTER

alice has slixmpp with slixmpp-omemo, bob has profanity, and later a second device with slixmpp.
They write to each other, encrypted: by the version of XEP-0384 that profanity speaks, and by the
newer one where both ends speak it. Each claim is one line of output; the last line counts them.
Exits with 1 if one failed. Needs slixmpp, slixmpp-omemo, profanity and tmux.

It is not called omemo.py, because Python would then take it for the package omemo.
"""

import asyncio
import logging
import sys
import tempfile
import traceback

import slixmpp
import slixmpp_omemo

import demo
from claims import NotSeen, claim, conclusion, remark
from omemo_device import NEW, OLD, Device
from profanity import Profanity


def sealed(message, text):
    """Whether a message is encrypted, and says nothing of the text beside that."""
    return message.xml.find(f"{{{OLD}}}encrypted/{{{OLD}}}payload") is not None \
        and text not in str(message)


def keys(message, namespace):
    """The devices that a message has a key for, whoever they belong to."""
    encrypted = message.xml.find(f"{{{namespace}}}encrypted")
    found = () if encrypted is None else encrypted.iter(f"{{{namespace}}}key")
    return {int(key.get("rid")) for key in found}


class Talk:
    """What the three devices do, and what was said so far."""

    def __init__(self, accounts, ca, port):
        (self.alice_jid, self.alice_password), (self.bob_jid, self.bob_password) = accounts
        self.ca, self.port = ca, port
        self.said = []

    def text(self, what):
        self.said.append(what)
        return what

    async def play(self, bob):
        await self.meet(bob)
        await self.two_devices(bob)
        await self.third_device(bob)
        await self.newer_version(bob)
        await self.archives()
        for device in (self.alice, self.tablet):
            await device.within("end", device.disconnect())
        bob.type("/quit")

    async def meet(self, bob):
        self.alice = await Device(self.alice_jid, self.alice_password, self.ca, self.port).online()
        await bob.online()
        claim("profanity logs in, and trusts the demo's authority", True)
        self.bob_device = await bob.with_keys()
        await bob.befriends(self.alice_jid)
        await self.alice.learns(self.bob_jid, {self.bob_device}, OLD)
        claim("alice is told which device bob has", True)
        listed = await self.alice.listed(self.alice_jid, OLD)
        claim("alice's device is in her list", listed == {self.alice.device})
        listed = await self.alice.listed(self.alice_jid, NEW)
        claim("and in that of the newer version", listed == {self.alice.device})
        await bob.starts(self.alice_jid)
        bob.type("/win 1")
        await bob.trusts(self.alice_jid, self.alice.device)
        claim("profanity finds alice's keys", True)
        bob.type("/win 2")

    async def two_devices(self, bob):
        text = self.text("Der Adler ist gelandet 👋")
        bob.type(text)
        heard = await self.alice.hears(text)
        claim("alice's slixmpp decrypts what bob's profanity encrypts",
              (heard.namespace, heard.sender) == (OLD, self.bob_device))
        claim("what the server passed on has <encrypted/> and not the text",
              sealed(heard.stanza, text))
        text = self.text("Wo ist das Nest? & <why>")
        await self.alice.say(self.bob_jid, text)
        await bob.hears(text)
        claim("bob's profanity decrypts what alice's slixmpp encrypts", True)
        for number in range(5):
            text = self.text(f"question {number} of five")
            await self.alice.say(self.bob_jid, text)
            await bob.hears(text)
            text = self.text(f"answer {number} of five")
            bob.type(text)
            await self.alice.hears(text)
        claim("and so on, in both directions, with keys that change", True)

    async def third_device(self, bob):
        self.before = len(self.said)
        self.tablet = await Device(self.bob_jid, self.bob_password, self.ca, self.port).online()
        both = {self.bob_device, self.tablet.device}
        claim("bob's new device is in the list, beside the old one",
              await self.alice.listed(self.bob_jid, OLD) == both)
        await self.alice.learns(self.bob_jid, both, OLD)
        claim("alice is told of it", True)
        bob.type("/win 1")
        await bob.trusts(self.bob_jid, self.tablet.device)
        claim("so is profanity, and both find its keys", True)
        bob.type("/win 2")

        # profanity has chosen one of the new device's hundred keys for a first message. Until that
        # is used up nobody else may choose: it could be the same, and a message be lost.
        text = self.text("from the old device")
        bob.type(text)
        await self.alice.hears(text)
        heard = await self.tablet.hears(text)
        claim("the new device decrypts the copy of what the old one says",
              heard.sender == self.bob_device and sealed(heard.stanza, text))
        text = self.text("for both of you")
        await self.alice.say(self.bob_jid, text)
        heard = await self.tablet.hears(text)
        claim("the new device decrypts what alice says", heard.sender == self.alice.device)
        claim("which has a key for each of bob's devices, and not the text",
              both <= keys(heard.stanza, OLD) and sealed(heard.stanza, text))
        await bob.hears(text)
        claim("the old device decrypts it too", True)

        text = self.text("from the new device")
        await self.tablet.say(self.alice_jid, text)
        heard = await self.alice.hears(text)
        claim("alice decrypts what the new device says", heard.sender == self.tablet.device)
        await bob.hears(text)
        claim("the old device decrypts the copy of that", True)

    async def newer_version(self, bob):
        await self.alice.learns(self.bob_jid, {self.tablet.device}, NEW)
        text = self.text("two versions at once")
        await self.alice.say_by_both(self.bob_jid, text)
        heard = await self.tablet.hears(text)
        claim("the new device decrypts urn:xmpp:omemo:2",
              (heard.namespace, heard.sender) == (NEW, self.alice.device))
        claim("profanity has its key in the same message, which does not have the text",
              self.bob_device in keys(heard.stanza, OLD) and sealed(heard.stanza, text))
        await bob.hears(text)
        claim("and decrypts that", True)
        text = self.text("the other way round")
        await self.tablet.say_by_both(self.alice_jid, text)
        heard = await self.alice.hears(text)
        claim("alice decrypts urn:xmpp:omemo:2",
              (heard.namespace, heard.sender) == (NEW, self.tablet.device))
        await bob.hears(text)

    async def archives(self):
        for name, device in (("alice", self.alice), ("bob", self.tablet)):
            history = await device.history()
            talk = [message for message in history if message["body"]]
            claim(f"{name}'s archive has all {len(self.said)} messages, encrypted",
                  len(talk) == len(self.said)
                  and all(device.plugin["xep_0384"].is_encrypted(message) for message in talk))
            everything = "".join(str(message) for message in history)
            claim("and the text of none",
                  not any(text in everything for text in self.said))
        early = talk[:self.before]
        claim("what was said before the new device came has no key for it",
              not any(self.tablet.device in keys(message, OLD) for message in early))


def talk(accounts, ca, port):
    """All of it on a server that runs already."""
    with tempfile.TemporaryDirectory() as home:
        with Profanity(home, *accounts[1], port, ca) as bob:
            try:
                asyncio.run(Talk(accounts, ca, port).play(bob))
            except Exception as reason:
                if not isinstance(reason, NotSeen):
                    traceback.print_exc(file=sys.stdout)
                print(bob.last_words())
                claim(f"everything that is waited for comes: {reason}", False)


def main():
    # slixmpp-omemo warns of whoever has no keys yet.
    logging.basicConfig(level=logging.ERROR)
    with demo.running(sys.argv[1]) as server:
        talk(server.accounts, server.ca, server.c2s)
    remark(f"with slixmpp {slixmpp.__version__}, slixmpp-omemo {slixmpp_omemo.__version__}, "
           + Profanity.version())
    sys.exit(conclusion("OMEMO"))


if __name__ == "__main__":
    main()
