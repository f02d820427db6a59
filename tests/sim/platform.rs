//! The `Platform` on which each instance of the product runs. Requests, time and randomness come
//! from the simulated world.

use crate::world::{ResponseResult, World};
use bytes::Bytes;
use exodrive::platform::Platform;
use futures_util::future::BoxFuture;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

pub(crate) struct SimulatedPlatform {
    pub(crate) world: Arc<World>,
    pub(crate) instance: usize,
    /// Positive when this instance's clock is ahead of the world's.
    pub(crate) skew: SignedDuration,
}

impl Platform for SimulatedPlatform {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, ResponseResult> {
        Box::pin(self.world.send(request))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.world.sleep(duration))
    }

    fn now(&self) -> Timestamp {
        self.world.now().checked_add(self.skew).unwrap()
    }

    fn random(&self) -> [u8; 32] {
        self.world.state().entropy.bytes()
    }

    fn after_response(&self, work: BoxFuture<'static, ()>) {
        let name = match &self.world.state().current {
            Some(origin) => format!("{}, after response", origin.name),
            None => "after response".to_owned(),
        };
        self.world.start(name, Some(self.instance), work);
    }
}
