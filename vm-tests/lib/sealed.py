"""A client for the command line that encrypts end to end, by slixmpp-omemo.

    sealed ACCOUNT answer           tells what it hears, and says so to who said it; until terminated
    sealed ACCOUNT say JID TEXT     says something, and prints the answer
    sealed version                  with what it encrypts

Trusts every device at first sight. Its keys are gone when it ends.
"""

import asyncio
import logging
import os
import sys
from types import SimpleNamespace

import slixmpp
import slixmpp_omemo
from omemo.storage import Just, Nothing, Storage
from slixmpp.plugins import register_plugin
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import StanzaPath
from slixmpp_omemo import XEP_0384

from xmpp import DOMAIN, Person, Refused, say

OLD = "eu.siacs.conversations.axolotl"


class Memory(Storage):
    """Keys that are gone with the device."""

    def __init__(self):
        super().__init__(True)
        self.values = {}

    async def _load(self, key):
        return Just(self.values[key]) if key in self.values else Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


class Omemo(XEP_0384):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.memory = Memory()

    @property
    def storage(self):
        return self.memory

    @property
    def _btbv_enabled(self):
        return True

    async def _devices_blindly_trusted(self, blindly_trusted, identifier):
        pass

    async def _prompt_manual_trust(self, manually_trusted, identifier):
        raise Refused(f"nobody is there to judge {manually_trusted}")


register_plugin(Omemo)


class Device(Person):
    def __init__(self, arguments):
        super().__init__(arguments)
        for plugin in ("xep_0060", "xep_0163", "xep_0280"):
            self.register_plugin(plugin)
        self.register_plugin("xep_0384", module=sys.modules[__name__])
        self.seal = self.plugin["xep_0384"]
        self.decrypted = asyncio.Queue()
        self.published = asyncio.Event()
        self.add_event_handler("omemo_initialized", lambda _: self.published.set())
        self.register_handler(
            CoroutineCallback("sealed", StanzaPath("message"), self.decrypt))

    async def online(self):
        await super().online()
        await self.within(self.published.wait())
        self.send_presence()
        await self.fence()

    async def decrypt(self, message):
        if message["type"] == "error":
            self.fail(f"it came back: {message['error']['condition']}")
        elif self.seal.is_encrypted(message):
            plain, _ = await self.seal.decrypt_message(message)
            if plain["body"]:
                self.decrypted.put_nowait((message["from"], plain["body"]))

    async def tell(self, jid, text):
        message = self.make_message(slixmpp.JID(jid), text, mtype="chat")
        sealed, errors = await self.seal.encrypt_message(message, {slixmpp.JID(jid)})
        if errors:
            raise Refused(f"cannot encrypt for everybody: {errors}")
        # By namespace in slixmpp-omemo 1; the older one is the one that all of them speak.
        if isinstance(sealed, dict):
            sealed = sealed[OLD]
        sealed.send()


async def answer(me):
    say("here")
    while True:
        sender, text = await me.decrypted.get()
        say(f"{sender.user}: {text}")
        await me.tell(sender.bare, f"I heard: {text}")


async def tell_and_hear(me, jid, text):
    await me.tell(jid, text)
    sender, heard = await me.within(me.decrypted.get())
    say(f"{sender.user}: {heard}")


async def main(account, command, *rest):
    me = Device(SimpleNamespace(
        account=account, direct=False, host=os.environ.get("XMPP_HOST", DOMAIN),
        port=int(os.environ.get("XMPP_PORT", "5222")), ca=os.environ.get("XMPP_CA")))
    await me.online()
    await {"answer": answer, "say": tell_and_hear}[command](me, *rest)
    await me.leave()


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)
    try:
        if sys.argv[1:] == ["version"]:
            say(slixmpp_omemo.__version__)
        else:
            asyncio.run(main(*sys.argv[1:]))
    except Refused as reason:
        sys.exit(f"refused: {reason}")
