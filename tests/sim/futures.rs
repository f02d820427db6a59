//! The futures that tasks wait on: a response and an alarm.

use crate::{
    slot::Receiver,
    summary,
    world::{ResponseResult, World},
};
use jiff::Timestamp;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The response to a request. Dropping it abandons the request, which may still arrive.
pub(crate) struct ResponseFuture {
    pub(crate) world: Arc<World>,
    pub(crate) number: u64,
    pub(crate) response: Receiver<ResponseResult>,
}

impl Future for ResponseFuture {
    type Output = ResponseResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ResponseResult> {
        Pin::new(&mut self.response).poll(context)
    }
}

impl Drop for ResponseFuture {
    fn drop(&mut self) {
        if self.response.0.is_filled() {
            return;
        }
        let mut state = self.world.state();
        let arrives = state.random.chance(500);
        if let Some(pending) = state.in_flight.get_mut(&self.number) {
            pending.is_abandoned = true;
            let line = format!(
                "{} stops waiting for {}",
                pending.from.name,
                summary::request(pending.to, &pending.request)
            );
            if !arrives && !pending.is_delayed {
                state.in_flight.remove(&self.number);
            }
            state.note(&line);
        }
    }
}

pub(crate) struct Sleep {
    pub(crate) world: Arc<World>,
    pub(crate) key: (Timestamp, u64),
    pub(crate) alarm: Receiver<()>,
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
