//! What an instance of the product stands on.

use crate::world::{Answered, World};
use bytes::Bytes;
use exodrive::platform::Platform;
use futures_util::future::BoxFuture;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

/// The seam of one instance of the product.
pub(crate) struct Seam {
    pub(crate) world: Arc<World>,
    pub(crate) instance: usize,
    /// How far this instance's clock is ahead of the others', or behind.
    pub(crate) skew: SignedDuration,
}

impl Platform for Seam {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Answered> {
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
            Some(origin) => format!("{}, afterwards", origin.name),
            None => "afterwards".to_owned(),
        };
        self.world.start(name, Some(self.instance), work);
    }
}
