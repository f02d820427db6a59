//! The upstreams: a real PostgreSQL, a real Redis and the PayPal simulator. Calls are atomic, so no
//! event happens during a call.

mod database;
mod functions;
mod paypal;
mod redis;

pub(crate) use database::Database;
use paypal::PayPal;
use redis::Redis;

use crate::{mutations::Mutation, world::Upstream};
use bytes::Bytes;
use exodrive_local::paypal::Simulator;
use exodrive_native::Clock;
use http::{Request, Response, StatusCode, header};
use std::rc::Rc;
use tokio::runtime::{Builder, Runtime};

/// Created once and reset for each seed.
pub(crate) struct Upstreams {
    runtime: Rc<Runtime>,
    pub(crate) database: Database,
    redis: Redis,
    paypal: PayPal,
    mutation: Option<Mutation>,
}

impl Upstreams {
    /// Creates a database and chooses a key prefix in the running Redis.
    pub(crate) fn new(mutation: Option<Mutation>) -> Self {
        let runtime = Rc::new(Builder::new_current_thread().enable_all().build().unwrap());
        let mut database = Database::new(Rc::clone(&runtime));
        if let Some(mutation) = mutation {
            mutation.apply(&mut database);
        }
        Self {
            redis: Redis::new(mutation),
            paypal: PayPal::new(Clock::default(), 0),
            database,
            runtime,
            mutation,
        }
    }

    /// Removes the data of earlier seeds.
    pub(crate) fn reset(&mut self, seed: u64, clock: &Clock) {
        self.database.reset(seed);
        self.redis.reset(&self.runtime);
        self.paypal = PayPal::new(clock.clone(), seed);
    }

    /// Carries out a request to any upstream except the product.
    pub(crate) fn perform(
        &mut self,
        upstream: Upstream,
        clock: &Clock,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        match upstream {
            Upstream::Database => self.database.perform(&request),
            Upstream::Redis => self.redis.perform(&self.runtime, clock.now(), &request),
            Upstream::PayPal => self.paypal.perform(&self.runtime, request),
            Upstream::Product => unreachable!("a task serves the product"),
        }
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Whether the mutation makes every PayPal request id unique.
    pub(crate) fn varies_request_ids(&self) -> bool {
        self.mutation == Some(Mutation::RequestId)
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        self.paypal.simulator()
    }
}

pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}
