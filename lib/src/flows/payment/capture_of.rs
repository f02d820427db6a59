//! Captures that PayPal shows and the database does not have.

use super::UpstreamError;
use crate::{
    app::App,
    clients::supabase::PaymentName,
    domain::{difference::End, observation::AuthorizationStatus},
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
    for capture in &seen.captures {
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
