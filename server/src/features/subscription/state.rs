//! RFC 6121 Appendix A: the nine states of a subscription and what each stanza makes of them.
//!
//! Pure. Our choices where the tables leave one: a pre-approval is used up by the request that it
//! grants, so that a contact who leaves and comes back is asked about again; every row with
//! SHOULD NOT is read as MUST NOT, every SHOULD as MUST.

use crate::features::roster::Subscription;
use crate::stanza::PresenceKind;

/// The states of A.1, from the point of view of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing, or not in the roster at all.
    None,
    /// The account has asked.
    NoneOut,
    /// The contact has asked.
    NoneIn,
    /// Both have asked.
    NoneOutIn,
    /// The account sees the contact's presence.
    To,
    /// The same, and the contact has asked.
    ToIn,
    /// The contact sees the account's presence.
    From,
    /// The same, and the account has asked.
    FromOut,
    /// Each sees the other's.
    Both,
}

use State::{Both, From, FromOut, None, NoneIn, NoneOut, NoneOutIn, To, ToIn};

impl State {
    /// The state that the parts of a roster make. A request that is granted already means nothing.
    pub const fn of(subscription: Subscription, asked: bool, requested: bool) -> State {
        match (subscription, asked, requested) {
            (Subscription::None, false, false) => None,
            (Subscription::None, true, false) => NoneOut,
            (Subscription::None, false, true) => NoneIn,
            (Subscription::None, true, true) => NoneOutIn,
            (Subscription::To, _, false) => To,
            (Subscription::To, _, true) => ToIn,
            (Subscription::From, false, _) => From,
            (Subscription::From, true, _) => FromOut,
            (Subscription::Both, ..) => Both,
        }
    }

    /// The `subscription` attribute.
    pub const fn subscription(self) -> Subscription {
        match self {
            None | NoneOut | NoneIn | NoneOutIn => Subscription::None,
            To | ToIn => Subscription::To,
            From | FromOut => Subscription::From,
            Both => Subscription::Both,
        }
    }

    /// "Pending Out": the `ask` attribute.
    pub const fn is_asked(self) -> bool {
        matches!(self, NoneOut | NoneOutIn | FromOut)
    }

    /// "Pending In": the contact's request waits for an answer.
    pub const fn is_requested(self) -> bool {
        matches!(self, NoneIn | NoneOutIn | ToIn)
    }

    /// Whether the contact sees the account's presence.
    pub const fn is_from(self) -> bool {
        self.subscription().is_from()
    }

    /// Whether the account sees the contact's presence.
    pub const fn is_to(self) -> bool {
        self.subscription().is_to()
    }
}

/// The four stanzas that manage subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Asks to see the other's presence.
    Subscribe,
    /// No longer wants to see it.
    Unsubscribe,
    /// Lets the other see the own presence.
    Subscribed,
    /// No longer lets the other see it, or refuses to.
    Unsubscribed,
}

impl Event {
    /// The event of a presence, if it manages a subscription.
    pub const fn of(kind: PresenceKind) -> Option<Event> {
        Some(match kind {
            PresenceKind::Subscribe => Event::Subscribe,
            PresenceKind::Unsubscribe => Event::Unsubscribe,
            PresenceKind::Subscribed => Event::Subscribed,
            PresenceKind::Unsubscribed => Event::Unsubscribed,
            _ => return Option::None,
        })
    }

    /// The presence that says it.
    pub const fn kind(self) -> PresenceKind {
        match self {
            Event::Subscribe => PresenceKind::Subscribe,
            Event::Unsubscribe => PresenceKind::Unsubscribe,
            Event::Subscribed => PresenceKind::Subscribed,
            Event::Unsubscribed => PresenceKind::Unsubscribed,
        }
    }
}

/// What an account's own stanza does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The account's new state.
    pub state: State,
    /// Whether the contact's next request is granted unasked.
    pub approved: bool,
    /// Whether the stanza goes to the contact.
    pub route: bool,
}

/// What a contact's stanza does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The account's new state.
    pub state: State,
    /// Whether the contact's next request is granted unasked.
    pub approved: bool,
    /// Whether the account's clients get the stanza.
    pub deliver: bool,
    /// What the server answers on the account's behalf.
    pub reply: Option<Event>,
}

/// A.2: the account sends it.
pub const fn outbound(state: State, approved: bool, event: Event) -> Outbound {
    match event {
        Event::Subscribe => Outbound { state: asking(state), approved, route: true },
        Event::Unsubscribe => Outbound { state: leaving(state), approved, route: true },
        Event::Subscribed => granting(state, approved),
        Event::Unsubscribed => denying(state),
    }
}

/// A.2.1, table 2.
const fn asking(state: State) -> State {
    match state {
        None => NoneOut,
        NoneIn => NoneOutIn,
        From => FromOut,
        NoneOut | NoneOutIn | To | ToIn | FromOut | Both => state,
    }
}

/// A.2.2, table 3. A.3.4, table 9, is the same step seen from the other end.
const fn leaving(state: State) -> State {
    match state {
        NoneOut | To => None,
        NoneOutIn | ToIn => NoneIn,
        FromOut | Both => From,
        None | NoneIn | From => state,
    }
}

/// A.2.3, table 4, with §3.4.2.
const fn granting(state: State, approved: bool) -> Outbound {
    match state {
        None | NoneOut | To => Outbound { state, approved: true, route: false },
        From | FromOut | Both => Outbound { state, approved, route: false },
        NoneIn | NoneOutIn | ToIn => Outbound { state: granted(state), approved, route: true },
    }
}

/// The contact sees the account's presence from now on.
const fn granted(state: State) -> State {
    match state {
        None | NoneIn => From,
        NoneOut | NoneOutIn => FromOut,
        To | ToIn => Both,
        From | FromOut | Both => state,
    }
}

/// A.2.4, table 5; §3.2.2: whatever was approved before is approved no more.
const fn denying(state: State) -> Outbound {
    let route = !matches!(state, None | NoneOut | To);
    Outbound { state: denied(state), approved: false, route }
}

/// The contact neither sees the account's presence nor waits for it.
const fn denied(state: State) -> State {
    match state {
        NoneIn | From => None,
        NoneOutIn | FromOut => NoneOut,
        ToIn | Both => To,
        None | NoneOut | To => state,
    }
}

/// A.3: the contact has sent it.
pub const fn inbound(state: State, approved: bool, event: Event) -> Inbound {
    match event {
        Event::Subscribe => asked(state, approved),
        Event::Unsubscribe => left(state, approved),
        Event::Subscribed => told(state, received(state), approved),
        Event::Unsubscribed => told(state, leaving(state), approved),
    }
}

/// A.3.1, table 6.
const fn asked(state: State, approved: bool) -> Inbound {
    let reply = Some(Event::Subscribed);
    match state {
        // Note 2, §3.1.3 rule 2.
        From | FromOut | Both => Inbound { state, approved, deliver: false, reply },
        NoneIn | NoneOutIn | ToIn => {
            Inbound { state, approved, deliver: false, reply: Option::None }
        }
        // Note 1, §3.4.2: the user has granted it before it was asked for.
        None | NoneOut | To if approved => {
            Inbound { state: granted(state), approved: false, deliver: false, reply }
        }
        None => Inbound { state: NoneIn, approved, deliver: true, reply: Option::None },
        NoneOut => Inbound { state: NoneOutIn, approved, deliver: true, reply: Option::None },
        To => Inbound { state: ToIn, approved, deliver: true, reply: Option::None },
    }
}

/// A.3.2, table 7.
const fn left(state: State, approved: bool) -> Inbound {
    match state {
        None | NoneOut | To => Inbound { state, approved, deliver: false, reply: Option::None },
        NoneIn | NoneOutIn | ToIn | From | FromOut | Both => {
            let reply = Some(Event::Unsubscribed);
            Inbound { state: denied(state), approved, deliver: true, reply }
        }
    }
}

/// A.3.3, table 8.
const fn received(state: State) -> State {
    match state {
        NoneOut => To,
        NoneOutIn => ToIn,
        FromOut => Both,
        None | NoneIn | To | ToIn | From | Both => state,
    }
}

/// An answer is delivered if it changes something.
const fn told(old: State, new: State, approved: bool) -> Inbound {
    let deliver = old as u8 != new as u8;
    Inbound { state: new, approved, deliver, reply: Option::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [State; 9] = [None, NoneOut, NoneIn, NoneOutIn, To, ToIn, From, FromOut, Both];

    /// Rows in the order of the RFC's tables: old state, MUST or not, new state.
    type Table = [(State, bool, State); 9];

    fn check_outbound(event: Event, table: Table) {
        assert_eq!(table.map(|row| row.0), ALL, "the table is complete");
        for (state, route, new) in table {
            let done = outbound(state, false, event);
            assert_eq!((done.route, done.state), (route, new), "{state:?}");
        }
    }

    fn check_inbound(event: Event, table: Table) {
        assert_eq!(table.map(|row| row.0), ALL, "the table is complete");
        for (state, deliver, new) in table {
            let done = inbound(state, false, event);
            assert_eq!((done.deliver, done.state), (deliver, new), "{state:?}");
        }
    }

    #[test]
    fn a2_1_outbound_subscribe() {
        check_outbound(
            Event::Subscribe,
            [
                (None, true, NoneOut),
                (NoneOut, true, NoneOut),
                (NoneIn, true, NoneOutIn),
                (NoneOutIn, true, NoneOutIn),
                (To, true, To),
                (ToIn, true, ToIn),
                (From, true, FromOut),
                (FromOut, true, FromOut),
                (Both, true, Both),
            ],
        );
    }

    #[test]
    fn a2_2_outbound_unsubscribe() {
        check_outbound(
            Event::Unsubscribe,
            [
                (None, true, None),
                (NoneOut, true, None),
                (NoneIn, true, NoneIn),
                (NoneOutIn, true, NoneIn),
                (To, true, None),
                (ToIn, true, NoneIn),
                (From, true, From),
                (FromOut, true, From),
                (Both, true, From),
            ],
        );
    }

    #[test]
    fn a2_3_outbound_subscribed() {
        check_outbound(
            Event::Subscribed,
            [
                (None, false, None),
                (NoneOut, false, NoneOut),
                (NoneIn, true, From),
                (NoneOutIn, true, FromOut),
                (To, false, To),
                (ToIn, true, Both),
                (From, false, From),
                (FromOut, false, FromOut),
                (Both, false, Both),
            ],
        );
    }

    #[test]
    fn a2_3_note_1_subscribed_without_a_request_is_a_pre_approval() {
        for state in ALL {
            let approved = outbound(state, false, Event::Subscribed).approved;
            assert_eq!(approved, matches!(state, None | NoneOut | To), "{state:?}");
        }
    }

    #[test]
    fn a2_4_outbound_unsubscribed() {
        check_outbound(
            Event::Unsubscribed,
            [
                (None, false, None),
                (NoneOut, false, NoneOut),
                (NoneIn, true, None),
                (NoneOutIn, true, NoneOut),
                (To, false, To),
                (ToIn, true, To),
                (From, true, None),
                (FromOut, true, NoneOut),
                (Both, true, To),
            ],
        );
    }

    #[test]
    fn a2_4_note_1_unsubscribed_cancels_a_pre_approval() {
        for state in ALL {
            assert!(!outbound(state, true, Event::Unsubscribed).approved, "{state:?}");
        }
    }

    #[test]
    fn a3_1_inbound_subscribe() {
        check_inbound(
            Event::Subscribe,
            [
                (None, true, NoneIn),
                (NoneOut, true, NoneOutIn),
                (NoneIn, false, NoneIn),
                (NoneOutIn, false, NoneOutIn),
                (To, true, ToIn),
                (ToIn, false, ToIn),
                (From, false, From),
                (FromOut, false, FromOut),
                (Both, false, Both),
            ],
        );
    }

    #[test]
    fn a3_1_note_1_an_approved_request_is_granted_and_not_delivered() {
        for (state, new) in [(None, From), (NoneOut, FromOut), (To, Both)] {
            let done = inbound(state, true, Event::Subscribe);
            let reply = Some(Event::Subscribed);
            assert_eq!(done, Inbound { state: new, approved: false, deliver: false, reply });
        }
    }

    #[test]
    fn a3_1_note_2_who_is_subscribed_already_is_told_so() {
        for state in ALL {
            let reply = inbound(state, false, Event::Subscribe).reply;
            assert_eq!(reply == Some(Event::Subscribed), state.is_from(), "{state:?}");
        }
    }

    #[test]
    fn a3_2_inbound_unsubscribe() {
        check_inbound(
            Event::Unsubscribe,
            [
                (None, false, None),
                (NoneOut, false, NoneOut),
                (NoneIn, true, None),
                (NoneOutIn, true, NoneOut),
                (To, false, To),
                (ToIn, true, To),
                (From, true, None),
                (FromOut, true, NoneOut),
                (Both, true, To),
            ],
        );
    }

    #[test]
    fn a3_2_note_1_a_change_is_answered_with_unsubscribed() {
        for state in ALL {
            let done = inbound(state, false, Event::Unsubscribe);
            assert_eq!(done.reply == Some(Event::Unsubscribed), done.deliver, "{state:?}");
        }
    }

    #[test]
    fn a3_3_inbound_subscribed() {
        check_inbound(
            Event::Subscribed,
            [
                (None, false, None),
                (NoneOut, true, To),
                (NoneIn, false, NoneIn),
                (NoneOutIn, true, ToIn),
                (To, false, To),
                (ToIn, false, ToIn),
                (From, false, From),
                (FromOut, true, Both),
                (Both, false, Both),
            ],
        );
    }

    #[test]
    fn a3_4_inbound_unsubscribed() {
        check_inbound(
            Event::Unsubscribed,
            [
                (None, false, None),
                (NoneOut, true, None),
                (NoneIn, false, NoneIn),
                (NoneOutIn, true, NoneIn),
                (To, true, None),
                (ToIn, true, NoneIn),
                (From, false, From),
                (FromOut, true, From),
                (Both, true, From),
            ],
        );
    }

    #[test]
    fn s4_3_2_an_inbound_answer_leaves_a_pre_approval_alone() {
        for state in ALL {
            assert!(inbound(state, true, Event::Unsubscribed).approved, "{state:?}");
            assert!(inbound(state, true, Event::Subscribed).approved, "{state:?}");
        }
    }

    #[test]
    fn a1_every_state_is_made_of_its_parts() {
        for state in ALL {
            let parts = State::of(state.subscription(), state.is_asked(), state.is_requested());
            assert_eq!(parts, state);
        }
    }
}
