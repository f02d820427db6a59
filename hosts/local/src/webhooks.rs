//! Sends the local PayPal's events to the product: a POST to `/api/webhooks/paypal`, retried after
//! every response that is not 2xx.
//!
//! The local clock decides which events are due. When it is moved forward, all events that fell due
//! in between go out.

use crate::{
    console,
    paypal::{Delivery, Forgery, Simulator, WebhookError},
};
use exodrive::platform::{Platform as _, TransportError};
use exodrive_native::{Clock, NativePlatform};
use futures_util::future::join_all;
use http::StatusCode;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The delivery fails if the product takes longer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_CONCURRENT_DELIVERIES: usize = 20;

/// The reason for a missing response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// PayPal cannot make the delivery.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The product's address is invalid.
    #[error("{0} is no address of the product: {1}")]
    Address(String, http::uri::InvalidUri),
    #[error("the product did not answer: {0:?}")]
    Transport(TransportError),
    #[error("the product did not answer within {} s", RESPONSE_TIMEOUT.as_secs())]
    Late,
}

pub(crate) struct Sender {
    paypal: Simulator,
    /// Scheme, host and port of the product.
    product: String,
    platform: NativePlatform,
    clock_moved: Notify,
}

impl Sender {
    /// `product` is the product's address, for example `http://127.0.0.1:3000`.
    pub(crate) fn new(paypal: Simulator, product: &str) -> Self {
        Self {
            paypal,
            product: product.trim_end_matches('/').to_owned(),
            platform: NativePlatform::new(Clock::default()),
            clock_moved: Notify::new(),
        }
    }

    /// Makes [`Self::keep_sending`] read the moved clock immediately.
    pub(crate) fn clock_moved(&self) {
        self.clock_moved.notify_one();
    }

    /// Sends an event `times` times at the same moment, due or not. Returns the product's
    /// responses.
    pub(crate) async fn send_now(
        &self,
        event: &str,
        times: usize,
        forgery: Option<Forgery>,
    ) -> Result<Vec<StatusCode>, SendError> {
        let deliveries: Vec<Delivery> = (0..times)
            .map(|_| self.paypal.deliver(event, forgery))
            .collect::<Result<_, _>>()?;
        let statuses = join_all(deliveries.into_iter().map(|delivery| self.send(delivery)))
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        if forgery.is_none() {
            for status in &statuses {
                self.paypal.record_response(event, *status);
            }
        }
        Ok(statuses)
    }

    /// Sends due events forever.
    pub(crate) async fn keep_sending(self: Arc<Self>) {
        loop {
            match self.paypal.take_deliveries(MAX_CONCURRENT_DELIVERIES) {
                Ok(deliveries) if !deliveries.is_empty() => {
                    join_all(
                        deliveries
                            .into_iter()
                            .map(|delivery| self.attempt(delivery)),
                    )
                    .await;
                    continue;
                }
                Ok(_) => {}
                Err(error) => console::log(&format!("webhooks: {error}")),
            }
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = self.clock_moved.notified() => {}
            }
        }
    }

    async fn attempt(&self, delivery: Delivery) {
        let event = delivery.event.clone();
        let outcome = self.send(delivery).await;
        if let Ok(status) = outcome {
            self.paypal.record_response(&event, status);
        }
        match outcome {
            Ok(status) if status.is_success() => {}
            Ok(status) => console::log(&format!("webhook {event} got {status}")),
            Err(error) => console::log(&format!("webhook {event}: {error}")),
        }
    }

    async fn send(&self, delivery: Delivery) -> Result<StatusCode, SendError> {
        let mut request = delivery.request;
        let address = format!("{}{}", self.product, request.uri().path());
        *request.uri_mut() = address
            .parse()
            .map_err(|error| SendError::Address(self.product.clone(), error))?;
        match timeout(RESPONSE_TIMEOUT, self.platform.send(request)).await {
            Ok(Ok(response)) => Ok(response.status()),
            Ok(Err(error)) => Err(SendError::Transport(error)),
            Err(_) => Err(SendError::Late),
        }
    }
}
