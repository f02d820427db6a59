//! Captures that PayPal shows and the database does not have: those of a payment, and that of an
//! attempt without a known outcome.

use super::UpstreamError;
use crate::{
    app::App,
    clients::supabase::{CaptureClaim, PaymentName},
    domain::{
        difference::End,
        observation::{AuthorizationStatus, Capture},
        payment_record::RecordedCaptureStatus,
    },
    platform::Deadline,
};
use uuid::Uuid;

/// Records the captures that PayPal shows for a payment, and whether they left nothing to capture.
pub(super) async fn record_captures_of(
    app: &App,
    deadline: Deadline,
    payment_id: Uuid,
) -> Result<(), UpstreamError> {
    let database = app.database(deadline);
    let record = database.find_payment(PaymentName::Id(payment_id)).await?;
    let Some(record) = record else {
        return Ok(());
    };
    let Some(order_id) = &record.order_id else {
        return Ok(());
    };
    let seen = app.paypal(deadline).get_order(order_id).await?;
    let same_currency = |capture: &&Capture| capture.money.currency == record.currency;
    for capture in seen.captures.iter().filter(same_currency) {
        database
            .record_observed_capture(payment_id, capture)
            .await?;
    }
    let id = record.authorization_id.as_deref();
    let authorization = id.and_then(|id| seen.authorization(id));
    if authorization.is_some_and(|shown| shown.status == AuthorizationStatus::Captured) {
        database
            .record_observed_end(payment_id, End::Captured)
            .await?;
    }
    Ok(())
}

/// A capture at PayPal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeCapture {
    pub(crate) id: String,
    /// Whether PayPal reviews it. The money is not captured yet.
    pub(crate) is_pending: bool,
}

/// A capture of a claimed payment.
#[derive(Debug)]
pub(super) enum LookedUpCapture {
    /// Ordered by us, or in another currency than the payment's.
    Unrecorded(Capture),
    /// Made by other hands, for example in PayPal's console. It is recorded.
    Elsewhere(MadeCapture),
}

/// The capture that decides about an attempt without a known outcome. Only a capture of the ordered
/// amount is ours. One of another amount is recorded, and an operator decides about the rest. One
/// in another currency is never recorded, because it cannot be summed.
pub(super) async fn find_capture(
    app: &App,
    deadline: Deadline,
    claim: &CaptureClaim,
) -> Result<Option<LookedUpCapture>, UpstreamError> {
    let seen = app.paypal(deadline).get_order(&claim.order_id).await?;
    if let Some(capture) = seen.decisive_capture_of(&claim.ordered()) {
        return Ok(Some(LookedUpCapture::Unrecorded(capture.clone())));
    }
    let database = app.database(deadline);
    let (mut made, mut foreign) = (None, None);
    for capture in &seen.captures {
        let status = capture.status.recorded();
        let is_pending = status == Some(RecordedCaptureStatus::Pending);
        let is_made = is_pending || status == Some(RecordedCaptureStatus::Completed);
        if !is_made {
            continue;
        }
        if capture.money.currency != claim.currency {
            foreign = Some(capture.clone());
            continue;
        }
        database
            .record_observed_capture(claim.payment_id, capture)
            .await?;
        if made
            .as_ref()
            .is_none_or(|made: &MadeCapture| made.is_pending)
        {
            made = Some(MadeCapture {
                id: capture.id.clone(),
                is_pending,
            });
        }
    }
    Ok(made
        .map(LookedUpCapture::Elsewhere)
        .or(foreign.map(LookedUpCapture::Unrecorded)))
}
