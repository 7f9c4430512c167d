//! Work for an account that cannot be done at once, in the order in which it came.
//!
//! Mostly a message is handed to its account's sessions where it stands. When that takes waiting
//! (nobody is there, or somebody is just arriving) it is left here, and what comes for the same
//! account meanwhile queues behind it: nothing overtakes.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use crate::jid::BareJid;
use crate::sync::lock;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Accounts that have work, with what follows the job that is under way.
type Waiting = HashMap<BareJid, VecDeque<Job>>;

/// One lane for each account that has work. Clones share them.
#[derive(Clone, Default)]
pub struct Lanes(Arc<Mutex<Waiting>>);

impl std::fmt::Debug for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lanes")
    }
}

impl Lanes {
    /// Whether nothing is under way for an account.
    pub fn is_idle(&self, account: &str) -> bool {
        !lock(&self.0).contains_key(account)
    }

    /// Does `job` after everything that was queued for the account before. Needs no runtime of its
    /// caller's: `handle` is that of the server.
    pub fn push(
        &self,
        handle: &tokio::runtime::Handle,
        account: &BareJid,
        job: impl Future<Output = ()> + Send + 'static,
    ) {
        let job: Job = Box::pin(job);
        let mut waiting = lock(&self.0);
        if let Some(queue) = waiting.get_mut(account.as_str()) {
            queue.push_back(job);
            return;
        }
        waiting.insert(account.clone(), VecDeque::new());
        drop(waiting);
        handle.spawn(self.clone().run(account.clone(), job));
    }

    async fn run(self, account: BareJid, first: Job) {
        let mut job = first;
        loop {
            // On its own, so that one that panics does not block the lane for ever.
            if tokio::spawn(job).await.is_err() {
                tracing::error!("a delivery panicked");
            }
            let mut waiting = lock(&self.0);
            let next = waiting.get_mut(account.as_str()).and_then(VecDeque::pop_front);
            match next {
                Some(next) => job = next,
                None => {
                    waiting.remove(account.as_str());
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_first_is_done_first() {
        let (lanes, account) = (Lanes::default(), BareJid::parse("juliet@example.com").unwrap());
        let done = Arc::new(Mutex::new(Vec::new()));
        let (open, gate) = tokio::sync::oneshot::channel::<()>();
        let handle = tokio::runtime::Handle::current();
        let first = Arc::clone(&done);
        lanes.push(&handle, &account, async move {
            gate.await.unwrap();
            lock(&first).push(0);
        });
        for number in 1..5 {
            let done = Arc::clone(&done);
            lanes.push(&handle, &account, async move { lock(&done).push(number) });
        }
        assert!(!lanes.is_idle(account.as_str()));
        open.send(()).unwrap();
        while !lanes.is_idle(account.as_str()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(*lock(&done), [0, 1, 2, 3, 4]);
    }
}
