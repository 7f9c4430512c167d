//! State that features keep on a session without the session knowing them.

use std::any::Any;
use std::sync::Mutex;

use crate::sync::lock;

/// One value of each type, made on first use. A session that uses none holds an empty vector.
#[derive(Default)]
pub struct Slots(Mutex<Vec<Box<dyn Any + Send>>>);

impl Slots {
    /// Runs `action` on the value of type `T`, which starts as its default.
    ///
    /// `action` must not come back to the same slots: it runs under their lock.
    pub fn with<T: Any + Send + Default, R>(&self, action: impl FnOnce(&mut T) -> R) -> R {
        let mut slots = lock(&self.0);
        if let Some(value) = slots.iter_mut().find_map(|slot| slot.downcast_mut::<T>()) {
            return action(value);
        }
        let mut value = Box::new(T::default());
        let result = action(&mut value);
        slots.push(value);
        result
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slots")
    }
}
