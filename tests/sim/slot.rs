//! A slot, which passes one value to the task that waits for it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// The sender's end.
pub(crate) struct Slot<T>(Mutex<Content<T>>);

struct Content<T> {
    value: Option<T>,
    is_filled: bool,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Content {
            value: None,
            is_filled: false,
            waker: None,
        })))
    }

    /// Only the first value counts.
    pub(crate) fn fill(&self, value: T) {
        let mut content = self.0.lock().unwrap();
        if content.is_filled {
            return;
        }
        content.is_filled = true;
        content.value = Some(value);
        let waker = content.waker.take();
        drop(content);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.0.lock().unwrap().is_filled
    }
}

/// The receiver's end.
pub(crate) struct Receiver<T>(pub(crate) Arc<Slot<T>>);

impl<T> Future for Receiver<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.0.lock().unwrap();
        if let Some(value) = slot.value.take() {
            return Poll::Ready(value);
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
