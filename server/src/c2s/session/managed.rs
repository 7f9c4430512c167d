//! XEP-0198 on one session: what is counted, asked and acknowledged, and how a session outlives its
//! connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Connection, Managed, UNACKNOWLEDGED_MAX, disconnected, store_failed};
use crate::archive::{Filter, From, Most};
use crate::c2s::outgoing::sent;
use crate::c2s::replay;
use crate::features::csi;
use crate::features::stream_management::{self as management, Enable};
use crate::ns;
use crate::router::{
    self, Counted, HandledTooHigh, Ledger, Link, ManagedStream, Missed, Parcel, Resumable,
};
use crate::stanza::Condition;
use crate::stream::{Closed, StreamError};
use crate::xml::Element;

/// What a client that comes back may leave unacknowledged before it is sent more of what it missed.
const CATCH_UP_WINDOW: usize = 250;

/// What is read from the archive at a time for a client that comes back.
const PAGE: Most = Most { items: 100, bytes: 256 * 1024 };

impl Connection {
    /// What a request has changed of a session that can be resumed is on disk before it is answered:
    /// a client that was told that it gets copies is not to miss one after a crash. The request is
    /// not counted yet, so without its answer it comes again.
    pub(super) async fn keep_state(&self) -> Result<(), StreamError> {
        let stream = self.managed.as_ref().map(|managed| &managed.stream);
        if stream.is_some_and(|stream| stream.is_resumable && stream.has_new_state()) {
            Box::pin(management::put_now(&self.cx.server, &self.session))
                .await
                .map_err(store_failed)?;
        }
        Ok(())
    }

    /// Which stanza this is on a managed stream.
    pub(super) fn count(&mut self) -> Option<Counted> {
        let managed = self.managed.as_mut()?;
        managed.received = managed.received.wrapping_add(1);
        Some(Counted { stream: Arc::clone(&managed.stream), count: managed.received })
    }

    /// Waits until everything that came in is handled.
    pub(super) async fn idle(&self) {
        self.session.inbound().idle().await;
        self.handled();
    }

    /// Everything that came in is handled.
    pub(super) fn handled(&self) {
        if let Some(managed) = &self.managed {
            managed.stream.ledger().handled = managed.received;
        }
    }

    /// XEP-0198 §3
    pub(super) async fn enable(&mut self, element: &Element) -> Result<(), Closed> {
        if self.managed.is_some() {
            // §3: at most one attempt; the example answers, and the stream goes on as it is.
            return self.queue(&management::failed(Condition::UnexpectedRequest, None));
        }
        let Some(enable) = Enable::read(element) else { return Ok(()) };
        self.session.inbound().idle().await;
        let begun = Box::pin(management::begin(&self.cx.server, &self.session, enable)).await;
        let (stream, enabled) = match begun {
            Ok(begun) => begun,
            Err(condition) => return self.queue(&management::failed(condition, None)),
        };
        // What came before is written before `<enabled/>`, and neither counted nor remembered.
        self.flush().await?;
        self.manage(stream, 0);
        self.queue(&enabled)
    }

    /// From now on the stream is managed.
    pub(super) fn manage(&mut self, stream: Arc<ManagedStream>, received: u32) {
        let (sender, links) = mpsc::unbounded_channel();
        if stream.is_resumable {
            self.session.inbox().may_spill();
            let resumable = Resumable { session: Arc::clone(&self.session), links: sender };
            self.cx.server.streams.add(Arc::clone(&stream.id), resumable);
        }
        self.managed = Some(Managed { stream, received, unwritten: 0, links });
    }

    /// XEP-0198 §4: `<r/>` is answered when everything before it is handled, and known to be
    /// handled after a crash.
    pub(super) async fn acknowledge(&mut self) -> Result<(), Closed> {
        self.idle().await;
        self.settle().await?;
        let handled = self.managed.as_ref().map_or(0, |managed| managed.stream.ledger().handled);
        self.queue(&management::answer(handled))
    }

    /// Makes sure that what is said to be handled will be so after a crash.
    pub(super) async fn settle(&mut self) -> Result<(), Closed> {
        let Some(managed) = self.managed.as_ref().filter(|managed| managed.stream.is_resumable)
        else {
            return Ok(());
        };
        let (handled, stored) = {
            let ledger = managed.stream.ledger();
            (ledger.handled, ledger.stored)
        };
        if handled == stored {
            return Ok(());
        }
        Box::pin(management::put_now(&self.cx.server, &self.session))
            .await
            .map_err(store_failed)?;
        managed.stream.ledger().stored = handled;
        Ok(())
    }

    /// XEP-0198 §4: `<a/>`
    pub(super) async fn acknowledged(&mut self, element: &Element) -> Result<(), Closed> {
        let Some(count) = management::acknowledged(element) else {
            return Err(StreamError::bad_format("an acknowledgement without a number").into());
        };
        self.confirmed(|ledger| ledger.ack(count)).await.map_err(Closed::from)
    }

    /// The client has what the ledger says is newly covered.
    async fn confirmed(
        &mut self,
        cover: impl FnOnce(&mut Ledger) -> Result<usize, HandledTooHigh>,
    ) -> Result<(), StreamError> {
        let Some(managed) = &self.managed else { return Ok(()) };
        let newly = cover(&mut managed.stream.ledger());
        let newly =
            newly.map_err(|error| StreamError::handled_count_too_high(error.acked, error.sent))?;
        let (mut claims, mut is_urgent) = (Vec::new(), false);
        for parcel in self.outgoing.confirm(newly) {
            is_urgent |= sent(&parcel).is_urgent();
            claims.extend(parcel.claim());
        }
        if is_urgent {
            self.cx.server.journal.touch(&self.session);
        } else if newly > 0 {
            self.cx.server.journal.touch_late(&self.session);
        }
        if !claims.is_empty() {
            Box::pin(router::confirm(&self.cx, claims)).await;
        }
        Ok(())
    }

    /// XEP-0198 §4: asks what the client has.
    pub(super) fn ask(&mut self) {
        self.outgoing.asked();
        if let Some(wire) = &mut self.wire {
            wire.transport.queue(&management::request());
            wire.quiet.asked();
        }
    }

    /// Writes a page of what was left to the archive while nobody took it. Says whether to go on at
    /// once: there is more, and the client keeps up.
    pub(super) async fn catch_up(&mut self) -> Result<bool, Closed> {
        if self.outgoing.len() > CATCH_UP_WINDOW {
            // Its acknowledgements wake this task.
            return Ok(false);
        }
        self.session.inbox().begin_catching_up();
        if self.next_page().await? {
            return Ok(true);
        }
        match self.session.inbox().end_catching_up() {
            None => Ok(true),
            Some(missed) => {
                self.note_missed(missed);
                if missed.is_something {
                    Box::pin(self.refresh()).await?;
                }
                // Of that, too, some may have been left out.
                Ok(missed.is_something)
            }
        }
    }

    /// What rooms said is on the ledger as left out until it has been told again.
    fn note_missed(&self, missed: Missed) {
        let Some(managed) = &self.managed else { return };
        let mut ledger = managed.stream.ledger();
        match missed.room {
            Some(number) => ledger.leave_out(number),
            None if missed.is_something => {}
            None => ledger.told_up_to = None,
        }
    }

    /// Lets all features tell the client again how things are, each with an inbox that is empty: so
    /// none is in another's way, and what is told in parts comes to an end.
    async fn refresh(&mut self) -> Result<(), Closed> {
        let cx = self.cx.clone();
        for step in cx.server.features.refresh_steps() {
            router::apply(step(&cx, Arc::clone(&self.session)).await);
            self.flush().await?;
        }
        let inbox = self.session.inbox();
        inbox.set_refreshed();
        if let Some(managed) = &self.managed {
            managed.stream.set_rooms_told();
            if !inbox.is_spilling() {
                managed.stream.ledger().told_up_to = None;
            }
        }
        Ok(())
    }

    /// Writes one page of what came after the last message that the client was sent.
    async fn next_page(&mut self) -> Result<bool, Closed> {
        let Some(managed) = &self.managed else { return Ok(false) };
        let position = managed.stream.ledger().position;
        let (archive, account) = (&self.cx.server.archive, self.session.account());
        let filter = Filter { after: Some(position), ..Filter::default() };
        let page = archive.page(account, &filter, From::Start, PAGE);
        let found = Box::pin(page).await.map_err(store_failed)?;
        if !found.items.is_empty() {
            // A message can be read before it is delivered. As long as something is left to the
            // archive, so is what is delivered: behind this nothing of the page comes once more.
            Box::pin(router::settle(&self.cx.server, account)).await;
        }
        let parcels = found.items.iter();
        let parcels = parcels.filter_map(|item| replay::parcel(&self.cx, &self.session, item));
        let parcels = parcels.collect();
        self.send(parcels)?;
        if let (Some(managed), Some(last)) = (&self.managed, found.items.last()) {
            let mut ledger = managed.stream.ledger();
            ledger.position = ledger.position.max(last.number);
        }
        self.flush().await?;
        Ok(found.more)
    }

    /// Waits for the client to come back; nothing if it does not in time, or must not.
    pub(super) async fn hibernate(&mut self) -> Option<Link> {
        tracing::debug!("a session waits to be resumed");
        self.idle().await;
        self.session.set_asleep(true);
        let managed = self.managed.as_mut()?;
        let max = managed.stream.max;
        managed.stream.set_broken(Some(self.cx.server.clock.now()));
        let inbox = self.session.inbox();
        inbox.set_stalled(true);
        let link = tokio::select! {
            link = managed.links.recv() => link,
            () = poll_fn(|cx| inbox.poll_closing(cx)) => None,
            () = tokio::time::sleep(max) => None,
        };
        inbox.set_stalled(false);
        if link.is_some() {
            managed.stream.set_broken(None);
        }
        link
    }

    /// Goes on with another connection, XEP-0198 §5.
    pub(super) async fn resume(&mut self, link: Link) -> Result<(), Closed> {
        let Link { mut transport, slot, acked, greet } = link;
        let resumed = match self.try_resume(acked).await {
            Ok(resumed) => resumed,
            Err(error) => {
                // Whoever says such things is gone now; the session still waits.
                transport.close(&error).await;
                return Ok(());
            }
        };
        greet(&mut transport, resumed);
        self.attach(transport, slot);
        self.session.set_asleep(false);
        csi::note(&self.session, false);
        let woken = self.throttle.set_inactive(false);
        self.send_again(woken).await?;
        let stream = self.session.stream().filter(|stream| stream.is_owed());
        if let Some(stream) = stream.cloned() {
            // All of it is on the ledger now.
            let (server, account) = (&self.cx.server, self.session.account());
            Box::pin(async {
                management::put_now(server, &self.session).await?;
                management::clear_owed(server, account, &stream.id).await
            })
            .await
            .map_err(store_failed)?;
        }
        Ok(())
    }

    async fn try_resume(&mut self, acked: u32) -> Result<Element, Closed> {
        self.idle().await;
        self.confirmed(|ledger| ledger.come_back(acked, UNACKNOWLEDGED_MAX)).await?;
        self.settle().await?;
        let Some(managed) = &self.managed else {
            return Err(StreamError::undefined_condition("the stream is not managed").into());
        };
        let handled = managed.stream.ledger().handled;
        Ok(management::resumed(&managed.stream.id, handled))
    }

    /// Everything that the client does not have goes out again, in its order.
    async fn send_again(&mut self, woken: VecDeque<Parcel>) -> Result<(), Closed> {
        let Some(wire) = &mut self.wire else { return Err(disconnected()) };
        let mut is_stale = false;
        for parcel in self.outgoing.iter() {
            if !parcel.xml.is_empty() {
                wire.queue(&parcel.xml);
                continue;
            }
            let again = replay::again(&self.cx, &self.session, parcel);
            match Box::pin(again).await.map_err(store_failed)? {
                Some(again) => wire.queue(&again.xml),
                // It has expired since, or is told anew. Something must stand in its place, or the
                // client would count wrongly from here on.
                None => {
                    is_stale |= parcel.kind.can_be_refreshed();
                    wire.transport.queue(&Element::new(ns::CLIENT, "message"));
                }
            }
        }
        if is_stale {
            self.session.inbox().set_stale();
        }
        let managed = self.managed.as_ref();
        // A client that answers counts anew.
        if self.outgoing.len() > 0
            || managed.is_some_and(|managed| managed.stream.ledger().is_recounted)
        {
            self.ask();
        }
        self.send(woken)?;
        // A stream from before the start is written down as soon as the client says something. What
        // it is owed has to be on the ledger by then.
        self.collect()
    }

    /// The stream goes on after the server's restart: what it is owed is written down.
    pub(super) async fn stop(mut self: Box<Self>, why: Closed) {
        let mut owed = self.outgoing.take();
        owed.extend(self.throttle.take());
        owed.extend(self.session.inbox().shut());
        self.handled();
        if let (Some(managed), Some(number)) =
            (&self.managed, self.session.inbox().left_out_of_rooms())
        {
            managed.stream.ledger().leave_out(number);
        }
        if let Err(error) = management::put_owed(&self.cx.server, &self.session, owed).await {
            tracing::error!(%error, "a session cannot be resumed after the restart");
        }
        self.hang_up(&why).await;
    }
}
