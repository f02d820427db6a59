//! What operators look through.

use super::{Booking, Database, DatabaseError};
use crate::domain::{booking_state::BookingState, car::CarRef, payment_state::PaymentState};
use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What `list_bookings` filters by; `None` means no filter.
#[derive(Clone, Debug, Serialize)]
pub struct BookingListing {
    /// From 1.
    #[serde(rename = "p_page")]
    pub page: u32,
    /// 1 to 100.
    #[serde(rename = "p_limit")]
    pub limit: u32,
    /// Where the booking stands.
    #[serde(rename = "p_status")]
    pub status: Option<BookingState>,
    /// Where its latest payment stands.
    #[serde(rename = "p_payment_status")]
    pub payment_status: Option<PaymentState>,
    /// Which car.
    #[serde(rename = "p_car")]
    pub car: Option<CarRef>,
    /// With a day from this one on …
    #[serde(rename = "p_from")]
    pub from: Option<Date>,
    /// … and before this one.
    #[serde(rename = "p_to")]
    pub to: Option<Date>,
    /// A literal part of reference, name, e-mail address or the shop's reference.
    #[serde(rename = "p_search")]
    pub search: Option<String>,
    /// The moment at which lapsed holds read as expired.
    #[serde(rename = "p_now")]
    pub now: Timestamp,
}

/// A page of bookings.
#[derive(Debug, Serialize, Deserialize)]
pub struct BookingPage {
    /// Newest first.
    pub bookings: Vec<Booking>,
    /// Where in the whole this is.
    pub pagination: Box<RawValue>,
}

/// What `list_audit` filters by; `None` means no filter.
#[derive(Clone, Debug, Serialize)]
pub struct AuditListing {
    /// From 1.
    #[serde(rename = "p_page")]
    pub page: u32,
    /// 1 to 200.
    #[serde(rename = "p_limit")]
    pub limit: u32,
    /// The id of what was acted on, or of its booking.
    #[serde(rename = "p_subject")]
    pub subject: Option<String>,
    /// As `booking.cancelled`.
    #[serde(rename = "p_action")]
    pub action: Option<String>,
    /// As `operator:1`.
    #[serde(rename = "p_actor")]
    pub actor: Option<String>,
}

impl Database<'_> {
    /// A page of bookings with the plan for their money.
    pub async fn list_bookings(
        &self,
        listing: &BookingListing,
    ) -> Result<BookingPage, DatabaseError> {
        let page: BookingPage = self.call("list_bookings", listing).await?;
        Ok(BookingPage {
            bookings: page.bookings.into_iter().map(Booking::planned).collect(),
            pagination: page.pagination,
        })
    }

    /// A page of the audit log, as it is answered.
    pub async fn list_audit(&self, listing: &AuditListing) -> Result<Bytes, DatabaseError> {
        self.call_raw("list_audit", listing).await
    }
}
