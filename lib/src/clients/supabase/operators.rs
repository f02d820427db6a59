//! Lists for operators.

use super::{Booking, Database, DatabaseError};
use crate::domain::{booking_state::BookingState, car::CarRef, payment_state::PaymentState};
use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The arguments of `list_bookings`. `None` means no filter.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BookingListing {
    /// From 1.
    #[serde(rename = "p_page")]
    pub(crate) page: u32,
    /// 1 to 100.
    #[serde(rename = "p_limit")]
    pub(crate) limit: u32,
    #[serde(rename = "p_status")]
    pub(crate) status: Option<BookingState>,
    /// The state of the latest payment.
    #[serde(rename = "p_payment_status")]
    pub(crate) payment_status: Option<PaymentState>,
    #[serde(rename = "p_car")]
    pub(crate) car: Option<CarRef>,
    /// Only bookings with a rental day on or after this date.
    #[serde(rename = "p_from")]
    pub(crate) from: Option<Date>,
    /// Only bookings with a rental day before this date.
    #[serde(rename = "p_to")]
    pub(crate) to: Option<Date>,
    /// A literal part of the reference, the name, the e-mail address or the shop's reference.
    #[serde(rename = "p_search")]
    pub(crate) search: Option<String>,
    /// Holds that ended before this time are shown as expired.
    #[serde(rename = "p_now")]
    pub(crate) now: Timestamp,
}

/// A page of bookings.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BookingPage {
    /// Newest first.
    pub(crate) bookings: Vec<Booking>,
    pub(crate) pagination: Box<RawValue>,
}

/// The arguments of `list_audit`. `None` means no filter.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AuditListing {
    /// From 1.
    #[serde(rename = "p_page")]
    pub(crate) page: u32,
    /// 1 to 200.
    #[serde(rename = "p_limit")]
    pub(crate) limit: u32,
    /// The id of the action's subject, or of its booking.
    #[serde(rename = "p_subject")]
    pub(crate) subject: Option<String>,
    /// As `booking.cancelled`.
    #[serde(rename = "p_action")]
    pub(crate) action: Option<String>,
    /// As `operator:1`.
    #[serde(rename = "p_actor")]
    pub(crate) actor: Option<String>,
}

impl Database<'_> {
    /// A page of bookings with the amounts and plans of their payments.
    pub(crate) async fn list_bookings(
        &self,
        listing: &BookingListing,
    ) -> Result<BookingPage, DatabaseError> {
        let page: BookingPage = self.call("list_bookings", listing).await?;
        Ok(BookingPage {
            bookings: page.bookings.into_iter().map(Booking::with_money).collect(),
            pagination: page.pagination,
        })
    }

    /// A page of the audit log. Clients get it unchanged.
    pub(crate) async fn list_audit(&self, listing: &AuditListing) -> Result<Bytes, DatabaseError> {
        self.call_raw("list_audit", listing).await
    }
}
