//! What the client says: stanzas are routed, and the elements between them heeded.

use super::{Connection, WRITE_AT, disconnected};
use crate::features::csi;
use crate::features::stream_management as management;
use crate::jid::Jid;
use crate::metrics::Tally;
use crate::ns;
use crate::router::{self, Counted, Parcel, ParcelKind};
use crate::stanza::{Condition, PresenceKind, Stanza, error_answer};
use crate::stream::{Closed, Event, StreamError};
use crate::xml::Element;

impl Connection {
    /// Handles what has come in.
    pub(super) async fn read(&mut self) -> Result<(), Closed> {
        if let Some(wire) = &mut self.wire {
            wire.quiet.heard();
        }
        let mut tally = Tally::default();
        let done = self.read_all(&mut tally).await;
        self.cx.server.metrics.count_received(&tally);
        done
    }

    async fn read_all(&mut self, tally: &mut Tally) -> Result<(), Closed> {
        while let Some(event) = self.event()? {
            match event {
                Event::Element(element) => {
                    if Stanza::is_stanza(&element) {
                        tally.note(ParcelKind::of(&element).stanza());
                    }
                    self.element(element).await?;
                    if self.session.inbox().bytes() >= WRITE_AT {
                        self.flush().await?;
                    }
                }
                Event::Close => {
                    // What came before the end is handled before the session is over.
                    self.session.inbound().idle().await;
                    return Err(Closed::ByPeer);
                }
                Event::Header(_) => {
                    return Err(StreamError::bad_format("a second stream header").into());
                }
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Option<Event>, Closed> {
        match &mut self.wire {
            Some(wire) => Ok(wire.transport.take()?),
            None => Err(disconnected()),
        }
    }

    async fn element(&mut self, mut element: Element) -> Result<(), Closed> {
        if !Stanza::is_stanza(&element) {
            return self.nonza(&element).await;
        }
        self.check_from(&element)?;
        // RFC 6120 §8.1.5: the stream's language is that of stanzas that name none.
        let lang = self.wire.as_ref().and_then(|wire| wire.transport.lang());
        if let Some(lang) = lang.filter(|_| element.lang().is_none()) {
            element.set_attr_ns(ns::XML, "lang", lang.clone());
        }
        let received = self.receipts.answered(&element);
        if !received.is_empty() {
            Box::pin(router::confirm(&self.cx, received)).await;
        }
        let counted = self.count();
        let stanza = match Stanza::from_client(element, self.session.jid()) {
            Ok(stanza) => stanza,
            Err(rejected) => {
                if rejected.element.name() == "iq" {
                    let condition = rejected.error.condition().as_str();
                    self.cx.server.metrics.iq_errors.count(condition);
                }
                self.session.inbound().idle().await;
                if let Some(answer) = error_answer(&rejected.element, &rejected.error) {
                    self.answer(&answer);
                }
                self.handled();
                return Ok(());
            }
        };
        if let Stanza::Message(_) = &stanza {
            return self.message(stanza, counted).await;
        }
        // RFC 6120 §10.1: messages that were sent before are through before this is handled.
        self.session.inbound().idle().await;
        let changes_presence = matches!(&stanza, Stanza::Presence(presence)
            if presence.to.is_none()
                && matches!(presence.kind, PresenceKind::Available | PresenceKind::Unavailable));
        // Boxed: what routing needs for a moment would otherwise be held by every idle session.
        let answer = Box::pin(router::route(&self.cx, stanza, None)).await;
        self.keep_state().await?;
        if let Some(answer) = answer {
            self.answer(&answer);
        }
        self.handled();
        if changes_presence {
            self.cx.server.journal.touch_state(&self.session);
        }
        Ok(())
    }

    /// A message may be under way still when this returns; it is counted when it is through.
    async fn message(&mut self, stanza: Stanza, counted: Option<Counted>) -> Result<(), Closed> {
        // The message is stored with its place on the stream: what came before it must not be
        // forgotten in a crash that the message outlives.
        self.settle().await?;
        if let Some(answer) = Box::pin(router::route(&self.cx, stanza, counted)).await {
            self.session.inbound().idle().await;
            self.answer(&answer);
            self.handled();
        }
        Ok(())
    }

    /// What is no stanza: the elements of stream management and client state.
    async fn nonza(&mut self, element: &Element) -> Result<(), Closed> {
        if let Some(inactive) = csi::indicated(element) {
            return self.set_inactive(inactive);
        }
        match (element.ns(), element.name()) {
            (ns::SM, "enable") => self.enable(element).await,
            (ns::SM, "r") if self.managed.is_some() => self.acknowledge().await,
            (ns::SM, "a") if self.managed.is_some() => self.acknowledged(element).await,
            (ns::SM, "resume") => {
                let failed = management::failed(Condition::UnexpectedRequest, None);
                self.queue(&failed)
            }
            // RFC 6120 §4.9.3.24
            _ => Err(StreamError::unsupported_stanza_type("not a stanza").into()),
        }
    }

    /// RFC 6120 §8.1.2.1: a stanza may say who sends it, if it says the truth.
    fn check_from(&self, element: &Element) -> Result<(), StreamError> {
        let Some(said) = element.attr("from") else { return Ok(()) };
        let own = self.session.jid();
        let honest = said == own.as_str()
            || Jid::parse(said).is_ok_and(|jid| jid == *own || jid == own.bare());
        if honest {
            return Ok(());
        }
        Err(StreamError::invalid_from("from is not this session"))
    }

    pub(super) fn answer(&self, answer: &Element) {
        let parcel = Parcel::new(answer, self.cx.server.clock.now());
        // A closed inbox ends the stream at the next turn; the answer has nobody to read it.
        self.session.deliver(parcel).unwrap_or_default();
    }
}
