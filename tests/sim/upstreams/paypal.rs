//! The PayPal simulator, called without a network.

use crate::world::Upstream;
use axum::{Router, body::Body};
use bytes::Bytes;
use exodrive_local::paypal::{Credentials, Simulator};
use exodrive_native::Clock;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::ServiceExt;

pub(super) struct PayPal {
    simulator: Simulator,
    router: Router,
}

impl PayPal {
    pub(super) fn new(clock: Clock, seed: u64) -> Self {
        let credentials = Credentials {
            client_id: "simulated-client".to_owned(),
            client_secret: "simulated-secret".to_owned(),
        };
        let base_url = Upstream::PayPal.base_url().to_owned();
        let simulator = Simulator::seeded(clock, credentials, base_url, seed);
        Self {
            router: simulator.router(),
            simulator,
        }
    }

    pub(super) fn perform(&self, runtime: &Runtime, request: Request<Bytes>) -> Response<Bytes> {
        let router = self.router.clone();
        runtime.block_on(async {
            let response = router.oneshot(request.map(Body::from)).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Response::from_parts(head, body)
        })
    }

    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator
    }
}
