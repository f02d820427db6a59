//! Sends what the local PayPal reports to the product, as PayPal does: a POST to `/api/webhooks/paypal`, again after every
//! answer that is not 2xx.
//!
//! Due is what the local clock says, so a clock moved forward sends at once what fell due in between.

use crate::{
    console,
    paypal::{Delivery, Simulator, Tamper, WebhookError},
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

/// How often the events are looked at; a moved clock is noticed at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A merchant that takes longer counts as one that failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How many deliveries are under way at once.
const AT_ONCE: usize = 20;

/// Why a delivery has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// PayPal has no such delivery.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The product's address is not one.
    #[error("{0} is no address of the product: {1}")]
    Address(String, http::uri::InvalidUri),
    /// The product was not reached, or did not answer.
    #[error("the product did not answer: {0:?}")]
    Transport(TransportError),
    /// The product took too long.
    #[error("the product did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Late,
}

/// Sends events to the product.
pub(crate) struct Sender {
    paypal: Simulator,
    /// Scheme, host and port of the product.
    product: String,
    platform: NativePlatform,
    clock_moved: Notify,
}

impl Sender {
    /// `product` is where the product answers, as `http://127.0.0.1:3000`.
    pub(crate) fn new(paypal: Simulator, product: &str) -> Self {
        Self {
            paypal,
            product: product.trim_end_matches('/').to_owned(),
            platform: NativePlatform::new(Clock::default()),
            clock_moved: Notify::new(),
        }
    }

    /// To be told when somebody has moved the clock.
    pub(crate) fn clock_moved(&self) {
        self.clock_moved.notify_one();
    }

    /// Sends an event so many times at the same moment, due or not, and gives what the product answered to each.
    pub(crate) async fn send_now(
        &self,
        event: &str,
        times: usize,
        tamper: Option<Tamper>,
    ) -> Result<Vec<StatusCode>, SendError> {
        let deliveries: Vec<Delivery> = (0..times)
            .map(|_| self.paypal.deliver(event, tamper))
            .collect::<Result<_, _>>()?;
        let statuses = join_all(deliveries.into_iter().map(|delivery| self.send(delivery)))
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        if tamper.is_none() {
            for status in &statuses {
                self.paypal.answered(event, *status);
            }
        }
        Ok(statuses)
    }

    /// Sends what falls due, for ever.
    pub(crate) async fn keep_sending(self: Arc<Self>) {
        loop {
            match self.paypal.take_deliveries(AT_ONCE) {
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
                () = sleep(LOOK_EVERY) => {}
                () = self.clock_moved.notified() => {}
            }
        }
    }

    async fn attempt(&self, delivery: Delivery) {
        let event = delivery.event.clone();
        let outcome = self.send(delivery).await;
        if let Ok(status) = outcome {
            self.paypal.answered(&event, status);
        }
        match outcome {
            Ok(status) if status.is_success() => {}
            Ok(status) => console::log(&format!("webhook {event} was answered {status}")),
            Err(error) => console::log(&format!("webhook {event}: {error}")),
        }
    }

    async fn send(&self, delivery: Delivery) -> Result<StatusCode, SendError> {
        let mut request = delivery.request;
        let address = format!("{}{}", self.product, request.uri().path());
        *request.uri_mut() = address
            .parse()
            .map_err(|error| SendError::Address(self.product.clone(), error))?;
        match timeout(ANSWER_WITHIN, self.platform.send(request)).await {
            Ok(Ok(response)) => Ok(response.status()),
            Ok(Err(error)) => Err(SendError::Transport(error)),
            Err(_) => Err(SendError::Late),
        }
    }
}
