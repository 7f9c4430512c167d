//! A stream whose messages come and go by other means than a connection of their own, such as the
//! requests of BOSH: the two ends of it, in memory.
//!
//! Nothing is buffered twice: the server's end has written something when the other one has taken it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::sync::lock;

/// What both ends share.
#[derive(Debug, Default)]
struct Shared {
    /// From the client.
    incoming: VecDeque<Bytes>,
    /// For the client.
    outgoing: VecDeque<Bytes>,
    /// The server has said its last.
    is_ended: bool,
    /// There is no client any more.
    is_gone: bool,
    server: Option<Waker>,
    client: Option<Waker>,
    /// Wakes whoever waits until the server has read more.
    sender: Option<Waker>,
}

/// The server's end, for [`Transport::carried`](super::Transport::carried).
#[derive(Debug)]
pub struct Carried(Arc<Mutex<Shared>>);

/// The end of whoever carries the messages. Dropping it is losing the connection.
#[derive(Debug)]
pub struct Messages(Arc<Mutex<Shared>>);

/// Both ends of a new one.
pub fn carried() -> (Carried, Messages) {
    let shared = Arc::<Mutex<Shared>>::default();
    (Carried(Arc::clone(&shared)), Messages(shared))
}

impl Messages {
    /// Hands the server a message: one element that stands for itself, `<open/>` or `<close/>`.
    /// How many wait is for the caller to bound.
    pub fn push(&self, message: Bytes) {
        let mut shared = lock(&self.0);
        shared.incoming.push_back(message);
        wake(shared.server.take());
    }

    /// Waits until the server has read all but `most` messages. Only one may wait at a time.
    pub async fn unread_at_most(&self, most: usize) {
        poll_fn(|cx| {
            let mut shared = lock(&self.0);
            if shared.incoming.len() <= most || shared.is_ended {
                return Poll::Ready(());
            }
            shared.sender = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// How many messages the server has not read yet.
    pub fn unread(&self) -> usize {
        lock(&self.0).incoming.len()
    }

    /// What the server has to say by now.
    pub fn ready(&self) -> Vec<Bytes> {
        let mut shared = lock(&self.0);
        wake(shared.server.take());
        shared.outgoing.drain(..).collect()
    }

    /// What the server has to say; waits until there is something. Nothing when it has said its last.
    /// Only one may wait at a time; giving up waiting loses nothing.
    pub async fn next(&self) -> Option<Vec<Bytes>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        let mut shared = lock(&self.0);
        if !shared.outgoing.is_empty() {
            wake(shared.server.take());
            return Poll::Ready(Some(shared.outgoing.drain(..).collect()));
        }
        if shared.is_ended {
            return Poll::Ready(None);
        }
        shared.client = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.is_gone = true;
        wake(shared.server.take());
    }
}

impl Carried {
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut shared = lock(&self.0);
        if let Some(message) = shared.incoming.pop_front() {
            wake(shared.sender.take());
            return Poll::Ready(Some(message));
        }
        if shared.is_gone {
            return Poll::Ready(None);
        }
        shared.server = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn push(&mut self, message: Bytes) {
        let mut shared = lock(&self.0);
        shared.outgoing.push_back(message);
        wake(shared.client.take());
    }

    /// Done when everything was taken; false if that will never be.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut shared = lock(&self.0);
        if shared.outgoing.is_empty() {
            return Poll::Ready(true);
        }
        if shared.is_gone {
            return Poll::Ready(false);
        }
        shared.server = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn end(&mut self) {
        let mut shared = lock(&self.0);
        shared.is_ended = true;
        wake(shared.client.take());
        wake(shared.sender.take());
    }
}

impl Drop for Carried {
    /// What was not taken was not said, and may be said elsewhere. Last words are last words.
    fn drop(&mut self) {
        let is_last = |message: &Bytes| {
            message.starts_with(b"<stream:error") || message.starts_with(b"<close ")
        };
        lock(&self.0).outgoing.retain(is_last);
        self.end();
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
