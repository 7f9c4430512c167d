"""A room in which everything that is said is encrypted by OMEMO for all of its members."""

import slixmpp

from claims import claim
from omemo_device import OLD, Device


class Member(Device):
    """A device that goes to rooms."""

    def __init__(self, jid, password, ca, port):
        super().__init__(jid, password, ca, port)
        self.register_plugin("xep_0045")
        self.muc = self.plugin["xep_0045"]

    async def enters(self, room, nick, **options):
        presence, *_ = await self.within(f"way into {room}", self.muc.join_muc_wait(
            room, nick, **options))
        return presence["muc"]["status_codes"]

    async def circle(self, room):
        """Everybody who belongs to the room, whether there or not."""
        found = set()
        for affiliation in ("owner", "admin", "member"):
            found |= {slixmpp.JID(jid) for jid in await self.within(
                "list", self.muc.get_affiliation_list(room, affiliation))}
        return found

    async def tells(self, room, text):
        """Encrypts for everybody who belongs to the room."""
        message = self.make_message(room, text, mtype="groupchat")
        sealed, errors = await self.plugin["xep_0384"].encrypt_message(
            message, await self.circle(room))
        self.deliver(sealed, errors)

    async def room_history(self, room):
        found = self.plugin["xep_0313"].iterate(room, rsm={"max": 50})
        return [result["mam_result"]["forwarded"]["stanza"] async for result in found]


async def sealed_room(server, accounts, service):
    """XEP-0384 §5.8: three people, of whom the third is out when something is said."""
    alice, bob, carol = members = [
        await Member(jid, password, server.ca, server.c2s).online() for jid, password in accounts]
    room = slixmpp.JID(f"vault@{service}")
    await alice.enters(room, "Alice")
    form = await alice.within("form", alice.muc.get_room_config(room))
    form.set_values({"muc#roomconfig_membersonly": True, "muc#roomconfig_whois": "anyone",
                     "muc#roomconfig_persistentroom": True})
    await alice.within("room", alice.muc.set_room_config(room, form))
    await alice.within("members", alice.muc.send_affiliation_list(
        room, [(bob.boundjid.bare, "member"), (carol.boundjid.bare, "member")]))
    for member, nick in ((bob, "Bob"), (carol, "Carol")):
        claim(f"{nick} enters a room in which all see who is who",
              100 in await member.enters(room, nick))
    everybody = {jid for jid, _ in accounts}
    claim("whoever is in it is told for whom to encrypt",
          all([await member.circle(room) == everybody for member in (alice, bob)]))

    texts = ["Der Adler ist im Garten 👋", "Wo ist das Nest? & <why>", "in the old oak"]
    for teller, text in zip((alice, bob), texts):
        await teller.tells(room, text)
        heard = [await member.hears(text) for member in members]
        claim("one encrypts, and all three read it",
              all((one.namespace, one.sender) == (OLD, teller.device) for one in heard))
    gone = alice.event_of(f"muc::{room}::got_offline")
    carol.muc.leave_muc(room, "Carol")
    await alice.within("leave", gone)
    await alice.tells(room, texts[-1])
    heard = await bob.hears(texts[-1])
    claim("what the room passes on does not have the text", texts[-1] not in str(heard.stanza))
    await carol.enters(room, "Carol", maxstanzas=1)
    heard = await carol.hears(texts[-1])
    claim("whoever was out reads it on coming back", heard.sender == alice.device)

    kept = await bob.room_history(room)
    talk = [message for message in kept if message["body"]]
    claim("the room's archive has all of it, encrypted", len(talk) == len(texts) and all(
        bob.plugin["xep_0384"].is_encrypted(message) for message in talk))
    everything = "".join(str(message) for message in kept)
    claim("and the text of none", not any(text in everything for text in texts))
    for member in members:
        await member.within("end", member.disconnect())
