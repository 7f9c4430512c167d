//! Panics of the engine become errors: nothing that a disk influences may end a task.
//!
//! sled asserts and unwraps where its files are damaged. The process-wide panic hook is extended once: what
//! panics inside [`guarded`], or on a thread of sled's own, is not printed but told as an error.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
    thread,
};

use super::engine::EngineError;

thread_local! {
    /// `Some` inside [`guarded`]; then the message of the panic, if there was one.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic in it is [`EngineError::Damaged`].
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, EngineError> {
    install();
    CAUGHT.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let message = CAUGHT.take().unwrap_or_default();
    result.map_err(|_| EngineError::Damaged(format!("the engine gave up: {message}")))
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !noted(info) {
                previous(info);
            }
        }));
    });
}

fn noted(info: &PanicHookInfo<'_>) -> bool {
    let message = info.payload_as_str().unwrap_or("no message");
    // One line: sled's assertions print whole structures.
    let line: String = message.lines().next().unwrap_or_default().chars().take(200).collect();
    let inside = CAUGHT.try_with(|caught| match caught.try_borrow_mut().as_deref_mut() {
        Ok(Some(text)) => {
            text.clone_from(&line);
            true
        }
        _ => false,
    });
    if inside == Ok(true) {
        return true;
    }
    let of_sled = thread::current()
        .name()
        .is_some_and(|name| name.starts_with("sled-io-") || name == "log flusher");
    if of_sled {
        tracing::error!(what = line, "a thread of the storage engine gave up");
    }
    of_sled
}
