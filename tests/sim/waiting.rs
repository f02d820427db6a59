//! Waiting: for an answer, and for a moment.

use crate::{
    slot::Taken,
    summary,
    world::{Answered, World},
};
use jiff::Timestamp;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Waiting for an answer. Who stops waiting does not call the request back.
pub(crate) struct Exchange {
    pub(crate) world: Arc<World>,
    pub(crate) number: u64,
    pub(crate) answer: Taken<Answered>,
}

impl Future for Exchange {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        Pin::new(&mut self.answer).poll(context)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.answer.0.is_filled() {
            return;
        }
        let mut state = self.world.state();
        let arrives = state.random.chance(500);
        if let Some(sending) = state.under_way.get_mut(&self.number) {
            sending.is_abandoned = true;
            let line = format!(
                "{} no longer waits for {}",
                sending.from.name,
                summary::request(sending.to, &sending.request)
            );
            if !arrives && !sending.is_stuck {
                state.under_way.remove(&self.number);
            }
            state.note(&line);
        }
    }
}

/// Waiting for a moment.
pub(crate) struct Sleep {
    pub(crate) world: Arc<World>,
    pub(crate) key: (Timestamp, u64),
    pub(crate) alarm: Taken<()>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.alarm).poll(context)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.world.state().alarms.remove(&self.key);
    }
}
