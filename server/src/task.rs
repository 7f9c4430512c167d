//! Stopping together: every task of the server holds a [`Task`], and the end waits for all of them.

use std::convert::Infallible;

use tokio::sync::{mpsc, watch};

/// The owner's side.
#[derive(Debug)]
pub struct Tasks {
    stop: watch::Sender<bool>,
    /// Ends when the last task has dropped its end.
    alive: mpsc::Receiver<Infallible>,
}

/// What every task holds as long as it lives.
#[derive(Clone, Debug)]
pub struct Task {
    stop: watch::Receiver<bool>,
    _alive: mpsc::Sender<Infallible>,
}

impl Tasks {
    /// A group with its first member, to be cloned for the others.
    pub fn new() -> (Tasks, Task) {
        let (stop, stopped) = watch::channel(false);
        let (sender, alive) = mpsc::channel(1);
        (Tasks { stop, alive }, Task { stop: stopped, _alive: sender })
    }

    /// Tells all tasks to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Resolves when all tasks have ended.
    pub async fn ended(&mut self) {
        while self.alive.recv().await.is_some() {}
    }
}

impl Task {
    /// Resolves when the server stops.
    pub async fn stopped(&mut self) {
        // An error means that the owner is gone, which is stopped as well.
        drop(self.stop.wait_for(|stop| *stop).await);
    }

    /// Whether the server stops.
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }
}
