//! `POST /api/webhooks/paypal`: an event from PayPal.
//!
//! 1. The signature is verified over the raw bytes.
//! 2. The event goes into the inbox, once by its id. Then the response is 200. After any other
//!    status PayPal sends the event again.
//! 3. The event is applied after the response. `GET /api/webhooks/retry` retries a failed event.

use crate::{
    app::App,
    clients::paypal::{Authenticity, Delivery, Event},
    domain::rate_limit::Tier,
    flows::{payment::webhook::process_event, traffic::admission::admit},
    platform::Deadline,
    routes::problems::{Code, Problem},
    web::{reply::Reply, request::Request},
};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

/// The time to apply an event after the response.
const APPLY_TIMEOUT: Duration = Duration::from_secs(50);

pub(in crate::routes) async fn receive(app: &App, request: &Request) -> Result<Reply, Problem> {
    admit(app, request, Tier::Webhook).await?;
    verify(app, request).await?;
    let unreadable = || {
        Problem::new(Code::MalformedJson)
            .detail("The body must be an event with id and event_type.")
    };
    let event = Event::read(&request.body).ok_or_else(unreadable)?;
    let body = std::str::from_utf8(&request.body).map_err(|_| unreadable())?;

    let claim = app
        .database(request.deadline)
        .store_webhook_event(
            &event.id,
            &event.name,
            event.resource_id.as_deref(),
            body,
            &request.id,
        )
        .await?;
    if let Some(claim) = claim {
        app.after_response(|app| {
            Box::pin(async move {
                let deadline = Deadline::after(app.platform().now(), APPLY_TIMEOUT);
                process_event(&app, deadline, &claim).await;
            })
        });
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "success": true, "eventId": event.id }),
    ))
}

async fn verify(app: &App, request: &Request) -> Result<(), Problem> {
    let webhook = app.config().paypal.webhook.as_ref().ok_or_else(|| {
        Problem::new(Code::NotConfigured).detail("PAYPAL_WEBHOOK_ID is not set on this deployment.")
    })?;
    let forged =
        || Problem::new(Code::Unauthenticated).detail("The signature is missing, or not PayPal's.");
    let delivery = Delivery::read(&request.headers, &request.body).ok_or_else(forged)?;
    let paypal = app.paypal(request.deadline);
    match paypal.verify_webhook(webhook, &delivery).await? {
        Authenticity::Genuine => Ok(()),
        Authenticity::Forged => Err(forged()),
    }
}
