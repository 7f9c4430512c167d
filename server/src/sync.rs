//! Locks that survive a panicking holder.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, and goes on with the value of a holder that panicked: every critical section here
/// leaves its value valid at each step, and one connection's fault must not stop the others.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
