//! A place for one value that somebody waits for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// The giving end.
pub(crate) struct Slot<T>(Mutex<Content<T>>);

struct Content<T> {
    value: Option<T>,
    is_filled: bool,
    waiting: Option<Waker>,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Content {
            value: None,
            is_filled: false,
            waiting: None,
        })))
    }

    /// Gives the value; the first one counts.
    pub(crate) fn fill(&self, value: T) {
        let mut content = self.0.lock().unwrap();
        if content.is_filled {
            return;
        }
        content.is_filled = true;
        content.value = Some(value);
        let waiting = content.waiting.take();
        drop(content);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.0.lock().unwrap().is_filled
    }
}

/// The taking end.
pub(crate) struct Taken<T>(pub(crate) Arc<Slot<T>>);

impl<T> Future for Taken<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.0.lock().unwrap();
        if let Some(value) = slot.value.take() {
            return Poll::Ready(value);
        }
        slot.waiting = Some(context.waker().clone());
        Poll::Pending
    }
}
