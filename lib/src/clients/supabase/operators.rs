//! Lists for operators.

use super::{Arguments, Booking, Database, DatabaseError};
use crate::domain::{booking_state::BookingState, car::CarRef, payment_state::PaymentState};
use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The arguments of `list_bookings`. `None` means no filter.
#[derive(Clone, Debug)]
pub(crate) struct BookingListing {
    /// From 1.
    pub(crate) page: u32,
    /// 1 to 100.
    pub(crate) limit: u32,
    pub(crate) status: Option<BookingState>,
    /// The state of the latest payment.
    pub(crate) payment_status: Option<PaymentState>,
    pub(crate) car: Option<CarRef>,
    /// Only bookings with a rental day on or after this date.
    pub(crate) from: Option<Date>,
    /// Only bookings with a rental day before this date.
    pub(crate) to: Option<Date>,
    /// A literal part of the reference, the name, the e-mail address or the shop's reference.
    pub(crate) search: Option<String>,
    /// Holds that ended before this time are shown as expired.
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
#[derive(Clone, Debug)]
pub(crate) struct AuditListing {
    /// From 1.
    pub(crate) page: u32,
    /// 1 to 200.
    pub(crate) limit: u32,
    /// The id of the action's subject, or of its booking.
    pub(crate) subject: Option<String>,
    /// As `booking.cancelled`.
    pub(crate) action: Option<String>,
    /// As `operator:1`.
    pub(crate) actor: Option<String>,
}

impl Database<'_> {
    /// A page of bookings with the amounts and plans of their payments.
    pub(crate) async fn list_bookings(
        &self,
        listing: &BookingListing,
    ) -> Result<BookingPage, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_page", &listing.page),
            ("p_limit", &listing.limit),
            ("p_status", &listing.status),
            ("p_payment_status", &listing.payment_status),
            ("p_car", &listing.car),
            ("p_from", &listing.from),
            ("p_to", &listing.to),
            ("p_search", &listing.search),
            ("p_now", &listing.now),
        ];
        let page: BookingPage = self.call("list_bookings", arguments).await?;
        Ok(BookingPage {
            bookings: page.bookings.into_iter().map(Booking::with_money).collect(),
            pagination: page.pagination,
        })
    }

    /// A page of the audit log. Clients get it unchanged.
    pub(crate) async fn list_audit(&self, listing: &AuditListing) -> Result<Bytes, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_page", &listing.page),
            ("p_limit", &listing.limit),
            ("p_subject", &listing.subject),
            ("p_action", &listing.action),
            ("p_actor", &listing.actor),
        ];
        self.call_raw("list_audit", arguments).await
    }
}
