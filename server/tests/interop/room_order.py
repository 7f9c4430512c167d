"""Who may be in a room, and what is done about those who misbehave there."""

from claims import claim
from room_guest import MUC, stanza_id


class Order:
    """Of a room with alice and bob in it, and with carol, who is no member."""

    async def outsider(self):
        """XEP-0045 §7.2.6."""
        claim("carol is not let in",
              await self.carol.turned_away(self.room, "Carol") == "registration-required")
        claim("nor does she read the archive", await self.carol.shut_out(self.room) == "forbidden")
        for affiliation in ("member", "owner"):
            claim(f"nor is she told who is {affiliation}", await self.carol.refused(
                "list", self.carol.muc.get_affiliation_list(self.room, affiliation)) == "forbidden")
        claim("nor how the room is set up", await self.carol.refused(
            "form", self.carol.muc.get_room_config(self.room)) == "forbidden")
        claim("nor that there is one",
              self.room not in await self.carol.listing(self.room.domain))
        self.carol.says(self.room, "let me in")
        error = await self.carol.expect("groupchat_message_error")
        claim("nor may she say anything", error["error"]["condition"] == "not-acceptable")
        await self.alice.fence()
        claim("and nobody hears it", self.alice.take(
            "groupchat_message", lambda message: message["body"] == "let me in") is None)

    async def moderation(self):
        """XEP-0425."""
        heard = await self.said(self.bob, "something rude")
        self.rude = stanza_id(heard, self.room)
        moderate = self.bob.plugin["xep_0425"].moderate
        claim("bob may not moderate", await self.bob.refused(
            "answer", moderate(self.room, self.rude, "because")) == "forbidden")
        await self.alice.within("answer", self.alice.plugin["xep_0425"].moderate(
            self.room, self.rude, "rude"))
        seen = await self.bob.expect("moderated_message")
        claim("alice retracts what bob said", seen["from"] == self.room
              and seen["retract"]["id"] == self.rude)
        claim("he is told by whom, and why",
              seen["retract"]["moderated"]["by"] == f"{self.room}/Alice"
              and seen["retract"]["reason"] == "rude")
        await self.said(self.bob, "sorry")

    async def kick(self):
        """XEP-0045 §8.2."""
        await self.alice.within("end of it", self.alice.muc.set_role(
            self.room, "Bob", "none", reason="calm down"))
        gone = await self.bob.sees("Bob", 110, 307, type="unavailable")
        claim("alice kicks bob, and he is told", gone["muc"]["role"] == "none")
        gone = await self.alice.sees("Bob", 307, type="unavailable")
        claim("so is who stays", gone["muc"]["affiliation"] == "member")
        await self.bob.enters(self.room, "Bob")
        claim("he may come back", True)
        await self.alice.sees("Bob")

    async def expulsion(self):
        """XEP-0045 §9.4, §9.1."""
        bob = self.bob.boundjid.bare
        await self.alice.within("end of it", self.alice.muc.set_affiliation(
            self.room, "none", jid=bob, reason="rude"))
        gone = await self.bob.sees("Bob", 321, type="unavailable")
        claim("alice expels bob, and he is told", 110 in gone["muc"]["status_codes"])
        gone = await self.alice.sees("Bob", 321, type="unavailable")
        claim("so is who stays", (gone["muc"]["affiliation"], gone["muc"]["role"])
              == ("none", "none"))
        self.alice.says(self.room, "now that he is gone")
        await self.alice.hears("now that he is gone")
        await self.bob.fence()
        heard = self.bob.take(
            "groupchat_message", lambda message: message["body"] == "now that he is gone")
        claim("he does not hear what is said then", heard is None)
        claim("he is not let in any more",
              await self.bob.turned_away(self.room, "Bob") == "registration-required")
        claim("nor does he read the archive", await self.bob.shut_out(self.room) == "forbidden")
        await self.alice.within("ban", self.alice.muc.set_affiliation(
            self.room, "outcast", jid=bob))
        claim("banned he is told so at the door",
              await self.bob.turned_away(self.room, "Bob") == "forbidden")
        claim("and at the archive", await self.bob.shut_out(self.room) == "forbidden")

    async def late_joiner(self):
        """XEP-0045 §7.8.2, XEP-0425 §4.2."""
        self.alice.muc.invite(self.room, self.carol.boundjid.bare)
        await self.carol.expect("groupchat_invite")
        claim("carol is invited by the room", True)
        _, subject, _, history = await self.carol.enters(self.room, "Carol", maxstanzas=20)
        claim("so she is a member, and enters", subject["subject"] == "Rosen & Dornen")
        texts = [message["body"] for message in history]
        claim("she hears what was said before she came",
              "sorry" in texts and "something rude" not in texts)
        kept = {one.id: one for one in await self.carol.archive(self.room)}
        everything = "".join(str(one.stanza) for one in kept.values())
        claim("the archive does not have what was retracted", "something rude" not in everything)
        grave = kept[self.rude].stanza["retracted"]["moderated"]
        claim("but that there was something", grave["by"] == f"{self.room}/Alice")

    async def destruction(self):
        """XEP-0045 §10.9."""
        await self.alice.within("destruction", self.alice.muc.destroy(
            self.room, "winter has come"))
        seen = await self.carol.sees("Carol", type="unavailable")
        reason = seen.xml.findtext(f"{{{MUC}#user}}x/{{{MUC}#user}}destroy/{{{MUC}#user}}reason")
        claim("alice destroys the room, and carol is told why", reason == "winter has come")
        for guest in (self.alice, self.carol):
            claim("there is no such room any more", await guest.refused(
                "description", guest.information(self.room)) == "item-not-found")
        claim("and no archive", await self.carol.shut_out(self.room) == "item-not-found")
