//! Captures that PayPal shows and the database does not have.

use super::UpstreamError;
use crate::{app::App, clients::supabase::PaymentName, platform::Deadline};
use uuid::Uuid;

/// Records the captures that PayPal shows for a payment, and nothing else.
pub(super) async fn record_captures_of(
    app: &App,
    deadline: Deadline,
    payment_id: Uuid,
) -> Result<(), UpstreamError> {
    let database = app.database(deadline);
    let record = database.find_payment(PaymentName::Id(payment_id)).await?;
    let Some(order_id) = record.and_then(|record| record.order_id) else {
        return Ok(());
    };
    let seen = app.paypal(deadline).get_order(&order_id).await?;
    for capture in &seen.captures {
        database
            .record_observed_capture(payment_id, capture)
            .await?;
    }
    Ok(())
}
