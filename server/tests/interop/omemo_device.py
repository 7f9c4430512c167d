"""A device with slixmpp and slixmpp-omemo, which speaks both versions of XEP-0384.

slixmpp-omemo does not pack what it encrypts by the newer version, `urn:xmpp:omemo:2`, nor unpack it
(XEP-0420): that is done here.
"""

import asyncio
import sys
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import oldmemo
import oldmemo.etree
import slixmpp
import twomemo
import twomemo.etree
from omemo.session_manager import MessageNotForUs
from omemo.storage import Just, Nothing, Storage
from slixmpp.plugins import register_plugin
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath
from slixmpp_omemo import XEP_0384

from claims import NotSeen

PATIENCE = 60
OLD = oldmemo.oldmemo.NAMESPACE
NEW = twomemo.twomemo.NAMESPACE
LISTS = {OLD: f"{OLD}.devicelist", NEW: f"{NEW}:devices"}
SCE = "urn:xmpp:sce:1"


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
    """Trusts every device at first sight."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.memory = Memory()

    def session_bind(self, jid):
        # slixmpp keeps what is wanted by the full JID. slixmpp-omemo says it too early.
        self.xmpp.plugin["xep_0163"].add_interest([LISTS[OLD], LISTS[NEW]])
        super().session_bind(jid)

    @property
    def storage(self):
        return self.memory

    @property
    def _btbv_enabled(self):
        return True

    async def _prompt_manual_trust(self, manually_trusted, identifier):
        raise NotSeen(f"nobody is there to judge {manually_trusted}")


register_plugin(Omemo)


class Heard(NamedTuple):
    """A message that was decrypted."""
    text: str
    namespace: str
    sender: int       # the id of the device that encrypted it
    stanza: slixmpp.Message


class Device(slixmpp.ClientXMPP):
    """A device that decrypts what comes, in its order, when it is asked what it hears."""

    def __init__(self, jid, password, ca, port):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0059", "xep_0060", "xep_0163", "xep_0199", "xep_0280",
                       "xep_0297", "xep_0313"):
            self.register_plugin(plugin)
        self.register_plugin("xep_0384", module=sys.modules[__name__])
        self.ca_certs = ca
        self.enable_plaintext = False
        self.enable_direct_tls = False
        self.port = port
        self.device = None
        self.came = asyncio.Queue()
        # The event `message` is for those with a body, and some of OMEMO's have none.
        self.register_handler(Callback("all messages", StanzaPath("message"), self.sort))

    def sort(self, message):
        for copy in ("carbon_sent", "carbon_received"):
            if message.get_plugin(copy, check=True) is not None:
                message = message[copy]
        if self.plugin["xep_0384"].is_encrypted(message):
            self.came.put_nowait(message)

    async def online(self):
        """Logs in, publishes keys, becomes available."""
        started = self.event_of("session_start")
        ready = self.event_of("omemo_initialized")
        self.connect("127.0.0.1", self.port)
        await self.within("a session", started)
        await self.within("a roster", self.get_roster())
        await self.within("carbons", self.plugin["xep_0280"].enable())
        await self.within("keys that are published", ready)
        own, _ = await (await self.sessions()).get_own_device_information()
        self.device = own.device_id
        await self.within("caps", self.plugin["xep_0115"].update_caps(broadcast=False))
        self.send_presence()
        await self.fence()
        return self

    def event_of(self, name):
        happened = asyncio.get_running_loop().create_future()
        self.add_event_handler(
            name, lambda what: happened.done() or happened.set_result(what), disposable=True)
        return happened

    async def within(self, what, awaitable):
        try:
            return await asyncio.wait_for(awaitable, PATIENCE)
        except asyncio.TimeoutError:
            raise NotSeen(f"{self.boundjid}: no {what} within {PATIENCE} s") from None

    async def fence(self):
        """Everything that was sent before has been handled when this returns."""
        await self.within("pong", self.plugin["xep_0199"].send_ping(self.boundjid.domain))

    async def sessions(self):
        return await self.plugin["xep_0384"].get_session_manager()

    async def listed(self, jid, namespace):
        """The devices of somebody, as they are published."""
        node = LISTS[namespace]
        answer = await self.within(node, self.plugin["xep_0060"].get_items(slixmpp.JID(jid), node))
        return {int(element.get("id")) for element in answer.xml.iter(f"{{{namespace}}}device")}

    async def learns(self, jid, devices, namespace):
        """Waits for the news that these are the devices of somebody, for that version."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            known = await (await self.sessions()).get_device_information(jid)
            ids = {device.device_id for device in known if dict(device.active).get(namespace)}
            if ids == devices:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise NotSeen(f"{self.boundjid} thinks that {jid} has {ids}, not {devices}")
            await asyncio.sleep(0.1)

    async def say(self, jid, text):
        """By the older version, which everybody has."""
        message = self.make_message(slixmpp.JID(jid), text, mtype="chat")
        sealed, errors = await self.plugin["xep_0384"].encrypt_message(message, slixmpp.JID(jid))
        self.deliver(sealed, errors)

    async def say_by_both(self, jid, text):
        """To each device by the newer version if it has that, else by the older."""
        plaintexts = {NEW: self.envelope(text), OLD: text.encode()}
        sealed, errors = await (await self.sessions()).encrypt(
            frozenset({jid}), plaintexts, backend_priority_order=[NEW, OLD])
        message = self.make_message(slixmpp.JID(jid), "(by OMEMO)", mtype="chat")
        for part in sealed:
            etree = {NEW: twomemo.etree, OLD: oldmemo.etree}[part.namespace]
            message.append(etree.serialize_message(part))
        self.deliver(message, errors)

    def deliver(self, message, errors):
        if errors:
            raise NotSeen(f"{self.boundjid} cannot encrypt for everybody: {errors}")
        message.send()

    def envelope(self, text):
        body = f"<body xmlns='jabber:client'>{escape(text)}</body>"
        return (f"<envelope xmlns='{SCE}'><content>{body}</content><rpad>...</rpad>"
                f"<from jid='{self.boundjid.bare}'/></envelope>").encode()

    async def hears(self, text):
        """The message with that text; others are passed over."""
        others = []

        async def wait():
            while True:
                try:
                    heard = await self.decrypt(await self.came.get())
                except MessageNotForUs:
                    # What completes a session has a key for the one device that it is with.
                    continue
                if heard.text == text:
                    return heard
                others.append(heard.text)
        try:
            return await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise NotSeen(f"{self.boundjid} hears {others}, but not {text!r}") from None

    async def decrypt(self, message):
        plugin = self.plugin["xep_0384"]
        if NEW not in plugin.is_encrypted(message):
            opened, device = await plugin.decrypt_message(message)
            return Heard(opened["body"], OLD, device.device_id, message)
        element = message.xml.find(f"{{{NEW}}}encrypted")
        sealed = twomemo.etree.parse_message(element, message["from"].bare)
        plaintext, device, _ = await (await self.sessions()).decrypt(sealed)
        body = plaintext and ElementTree.fromstring(plaintext).findtext(
            f"{{{SCE}}}content/{{jabber:client}}body")
        return Heard(body, NEW, device.device_id, message)

    async def history(self):
        """The own account's archive."""
        found = []
        async for message in self.plugin["xep_0313"].iterate(rsm={"max": 50}):
            found.append(message["mam_result"]["forwarded"]["stanza"])
        return found
