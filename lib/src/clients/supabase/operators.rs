//! Lists for operators.

use super::{Arguments, Booking, Database, DatabaseError};
use crate::domain::{booking_state::BookingState, car::CarRef, payment_state::PaymentState};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The place of a booking in the list, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BookingPosition {
    pub(crate) created_at: Timestamp,
    pub(crate) id: Uuid,
}

impl BookingPosition {
    /// Parses `<microseconds since 1970>.<id>`, as `list_bookings` writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        Some(Self {
            created_at: Timestamp::from_microsecond(micros.parse().ok()?).ok()?,
            id: Uuid::try_parse(id).ok()?,
        })
    }
}

/// The arguments of `list_bookings`. `None` means no filter.
#[derive(Clone, Debug)]
pub(crate) struct BookingListing {
    /// From 1. `None` with a position.
    pub(crate) page: Option<u32>,
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
    /// With `after_id`, the last booking of the page before.
    pub(crate) after_at: Option<Timestamp>,
    pub(crate) after_id: Option<Uuid>,
    /// Holds that ended before this time are shown as expired.
    pub(crate) now: Timestamp,
}

/// A page of bookings.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BookingPage {
    /// Newest first.
    pub(crate) bookings: Vec<Booking>,
    /// The position of the last booking. `None` on the last page.
    pub(crate) next: Option<String>,
    /// `None` for a page after a position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pagination: Option<Box<RawValue>>,
}

/// The arguments of `list_audit`. `None` means no filter.
#[derive(Clone, Debug)]
pub(crate) struct AuditListing {
    /// From 1. `None` with `after`.
    pub(crate) page: Option<u32>,
    /// 1 to 200.
    pub(crate) limit: u32,
    /// The id of the action's subject, or of its booking.
    pub(crate) subject: Option<String>,
    /// As `booking.cancelled`.
    pub(crate) action: Option<String>,
    /// As `operator:1`.
    pub(crate) actor: Option<String>,
    pub(crate) request_id: Option<String>,
    /// The id of the last entry of the page before.
    pub(crate) after: Option<i64>,
}

/// A page of the audit log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditPage {
    pub(crate) success: bool,
    /// Newest first.
    pub(crate) entries: Vec<AuditEntry>,
    /// The id of the last entry. `None` on the last page.
    pub(crate) next: Option<String>,
    /// Older entries are deleted.
    pub(crate) kept_since: Timestamp,
    /// `None` for a page after an entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pagination: Option<Box<RawValue>>,
}

/// One entry of the audit log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEntry {
    pub(crate) id: i64,
    pub(crate) occurred_at: Timestamp,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) subject_type: String,
    pub(crate) subject_id: String,
    pub(crate) detail: Box<RawValue>,
    pub(crate) request_id: Option<String>,
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
            ("p_after_at", &listing.after_at),
            ("p_after_id", &listing.after_id),
            ("p_now", &listing.now),
        ];
        let page: BookingPage = self.call("list_bookings", arguments).await?;
        Ok(BookingPage {
            bookings: page.bookings.into_iter().map(Booking::with_money).collect(),
            ..page
        })
    }

    /// A page of the audit log.
    pub(crate) async fn list_audit(
        &self,
        listing: &AuditListing,
    ) -> Result<AuditPage, DatabaseError> {
        let arguments: Arguments<'_> = &[
            ("p_page", &listing.page),
            ("p_limit", &listing.limit),
            ("p_subject", &listing.subject),
            ("p_action", &listing.action),
            ("p_actor", &listing.actor),
            ("p_request_id", &listing.request_id),
            ("p_after", &listing.after),
        ];
        self.call("list_audit", arguments).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_microseconds_and_id() {
        let id = "0e0f6a51-4a8b-4b57-9c8f-0d7b1b9a7c11";
        let position = BookingPosition::parse(&format!("1736510400000001.{id}")).unwrap();
        assert_eq!(position.id.to_string(), id);
        let expected = "2025-01-10T12:00:00.000001Z".parse().unwrap();
        assert_eq!(position.created_at, expected);
        for text in [
            "",
            ".",
            "1736510400000001",
            "1736510400000001.x",
            &format!("x.{id}"),
            &format!("9223372036854775807.{id}"),
            &format!("1.{id}.1"),
        ] {
            assert_eq!(BookingPosition::parse(text), None, "{text}");
        }
    }
}
