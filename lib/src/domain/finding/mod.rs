//! Contradictions between a payment, its booking and PayPal's order, which a person must resolve.
//!
//! A finding ends by itself when its reason is gone, so its detail holds nothing that changes with
//! time. An operator may acknowledge it: `POST /api/admin/payments/findings/acknowledge`.

mod kind;

pub(crate) use kind::FindingKind;

use super::{
    booking_state::BookingState,
    money::Amount,
    observation::{AuthorizationStatus, Capture, CaptureStatus, Observation, OrderStatus},
    payment_record::{PaymentRecord, RecordedRefundStatus},
    payment_state::PaymentState,
    paypal_meaning::{Meaning, is_refusal_of_us},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rust_decimal::Decimal;
use serde::Serialize;

/// One finding about a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) kind: FindingKind,
    /// Ids and amounts, without personal data.
    pub(crate) detail: String,
}

/// The time that a void, a refund or a confirmation may take.
const GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(30);
/// An authorization that expires this soon needs a person.
const LAPSING_PERIOD: SignedDuration = SignedDuration::from_hours(24);
/// The time in which PayPal answers a capture or a refund, after a dozen runs of the cron.
const DELAY_PERIOD: SignedDuration = SignedDuration::from_hours(3);
/// PayPal shows the authorization of a completed order within this time.
const ORDER_PERIOD: SignedDuration = SignedDuration::from_hours(24);
/// PayPal completes most refunds within this time.
const REFUND_PERIOD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// PayPal refunds a capture for 180 days.
/// <https://developer.paypal.com/docs/api/payments/v2/#captures_refund>
const REFUND_WINDOW: SignedDuration = SignedDuration::from_hours(180 * 24);
/// The time before the end of the refund window in which an operator can act.
const WINDOW_NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The findings about `record`, to which all differences have been applied. Findings of events and
/// of failed comparisons are not among them.
#[must_use]
pub(crate) fn findings(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Vec<Finding> {
    let is_overdue = now.duration_since(record.updated_at) > GRACE_PERIOD;
    let books = Books::new(record, observation);
    let found = [
        (FindingKind::CapturedTwice, captured_twice(&books)),
        (FindingKind::AmountMismatch, amount_mismatch(&books)),
        (
            FindingKind::PaidButUnbooked,
            paid_but_unbooked(&books, is_overdue),
        ),
        (
            FindingKind::CancelledNotVoided,
            cancelled_not_voided(&books, is_overdue),
        ),
        (FindingKind::Lapsing, lapsing(&books, now)),
        (FindingKind::UnpaidBooking, unpaid_booking(record)),
        (FindingKind::PaidTwice, paid_twice(&books, is_overdue)),
        (FindingKind::MoneyReturned, money_returned(record)),
        (
            FindingKind::AuthorizationPending,
            authorization_pending(&books),
        ),
        (FindingKind::CaptureDelayed, capture_delayed(record, now)),
        (
            FindingKind::OrderUnclear,
            order_unclear(record, observation, now),
        ),
        (FindingKind::CapturePending, capture_pending(observation)),
        (FindingKind::CaptureDeclined, capture_declined(&books)),
        (
            FindingKind::RefundRefused,
            record.refund_refused.then(String::new),
        ),
        (FindingKind::PaypalRefusesUs, paypal_refuses_us(record)),
        (FindingKind::RefundDelayed, refund_delayed(record, now)),
        (FindingKind::RefundPending, refund_pending(record, now)),
        (
            FindingKind::RefundMissing,
            refund_missing(&books, is_overdue),
        ),
        (
            FindingKind::RefundWindowEnds,
            refund_window_ends(record, now),
        ),
    ];
    found
        .into_iter()
        .filter_map(|(kind, detail)| detail.map(|detail| Finding { kind, detail }))
        .collect()
}

/// A payment's record and its sums at PayPal, in the payment's currency.
struct Books<'a> {
    record: &'a PaymentRecord,
    seen: &'a Observation,
    captures: Vec<&'a Capture>,
    /// The sum of the captures in the payment's currency.
    taken: Decimal,
    /// The part of it that went back, or is going back. `None` if PayPal does not show how much.
    returned: Option<Decimal>,
    /// The price, or the part of it that a cancellation keeps.
    owed: Decimal,
}

impl<'a> Books<'a> {
    fn new(record: &'a PaymentRecord, seen: &'a Observation) -> Self {
        let captures: Vec<&Capture> = seen.successful_captures().collect();
        let summed = || {
            captures
                .iter()
                .filter(|capture| capture.money.currency == record.currency)
        };
        Self {
            record,
            seen,
            taken: summed().map(|capture| capture.money.amount.decimal()).sum(),
            returned: summed()
                .map(|capture| returned(record, seen, capture))
                .sum(),
            captures,
            owed: record.capture_amount.unwrap_or(record.amount).decimal(),
        }
    }

    /// The captured money that did not go back.
    fn kept(&self) -> Decimal {
        self.taken - self.returned.unwrap_or_default()
    }

    /// The authorization that holds money which is neither captured nor given back.
    fn holding(&self) -> Option<AuthorizationStatus> {
        let status = self.seen.standing_authorization()?.status;
        let is_held = match status {
            AuthorizationStatus::Created | AuthorizationStatus::Pending => self.captures.is_empty(),
            // A final capture of ours leaves nothing open, whatever the status says.
            AuthorizationStatus::PartiallyCaptured => self.taken < self.owed,
            _ => false,
        };
        is_held.then_some(status)
    }

    /// Whether PayPal holds money that can be captured.
    fn has_authorized_money(&self) -> bool {
        self.holding()
            .is_some_and(|status| status != AuthorizationStatus::Pending)
    }
}

/// The part of a capture that went back. A refunded capture is gone as a whole, whatever is listed.
fn returned(record: &PaymentRecord, seen: &Observation, capture: &Capture) -> Option<Decimal> {
    let amount = capture.money.amount.decimal();
    let listed = seen.listed_refunds(capture);
    let recorded = || {
        let of_capture = record.refunds.iter().filter(|refund| {
            refund.capture_id.as_deref() == Some(capture.id.as_str())
                && refund.status == RecordedRefundStatus::Refunded
        });
        of_capture
            .map(|refund| refund.amount.decimal())
            .sum::<Decimal>()
    };
    match capture.status {
        CaptureStatus::Refunded => Some(amount),
        CaptureStatus::PartiallyRefunded if listed.is_zero() => {
            Some(recorded()).filter(|sum| !sum.is_zero())
        }
        _ => Some(listed.min(amount)),
    }
}

/// A sum in the form of an amount.
fn shown(sum: Decimal) -> String {
    Amount::from_decimal(sum).map_or_else(|| sum.to_string(), |amount| amount.to_string())
}

// One function for each kind. It returns the detail of the finding, if there is one.

fn captured_twice(books: &Books<'_>) -> Option<String> {
    let ids: Vec<&str> = books
        .captures
        .iter()
        .map(|capture| capture.id.as_str())
        .collect();
    (ids.len() > 1 && books.kept() > books.owed).then(|| ids.join(" "))
}

fn amount_mismatch(books: &Books<'_>) -> Option<String> {
    let record = books.record;
    if let Some(other) = in_other_currency(books).or_else(|| other_authorization(books)) {
        return Some(other);
    }
    if let Some(part) = record.capture_amount
        && record.booking_status == BookingState::Cancelled
        && record.status.ended_without_money()
        && record.hold_ended
    {
        return Some(format!(
            "0.00 {} is kept instead of {part} {}",
            record.currency, record.currency
        ));
    }
    let first = books.captures.first()?;
    if record.void_reason.is_some() {
        return None;
    }
    if books.returned.is_none() {
        return Some(format!("{} is refunded by an unknown amount", first.id));
    }
    let is_pending = books
        .seen
        .captures
        .iter()
        .any(|capture| capture.status == CaptureStatus::Pending);
    let is_too_little = books.taken < books.owed
        && !is_pending
        && (record.booking_status.is_confirmed() || record.capture_amount.is_some());
    // More than one capture is the other finding.
    let is_too_much = books.kept() > books.owed && books.captures.len() == 1;
    if let Some(kept) = record.kept_amount
        && record.booking_status == BookingState::Cancelled
        && books.kept() < kept.decimal().min(books.taken)
        && !record.refunded_by_us
    {
        return Some(format!(
            "{} {} is kept instead of {kept} {}",
            shown(books.kept()),
            record.currency,
            record.currency
        ));
    }
    (is_too_little || is_too_much).then(|| {
        format!(
            "{} {} instead of {} {}",
            shown(books.kept()),
            record.currency,
            shown(books.owed),
            record.currency
        )
    })
}

/// A capture or refund in another currency than the payment's. It is in no sum.
fn in_other_currency(books: &Books<'_>) -> Option<String> {
    let captures = books.captures.iter();
    let captures = captures.map(|capture| (capture.id.as_str(), capture.money));
    let refunds = books.seen.refunds.iter().filter(|refund| {
        matches!(
            refund.status.recorded(),
            Some(RecordedRefundStatus::Refunded | RecordedRefundStatus::Pending)
        )
    });
    let refunds = refunds.map(|refund| (refund.id.as_str(), refund.money));
    let (id, money) = captures
        .chain(refunds)
        .find(|(_, money)| money.currency != books.record.currency)?;
    Some(format!(
        "{id} is {} {}, not {}",
        money.amount, money.currency, books.record.currency
    ))
}

/// The payment's own authorization with another amount or currency than the price.
fn other_authorization(books: &Books<'_>) -> Option<String> {
    let record = books.record;
    let shown = books
        .seen
        .authorization(record.authorization_id.as_deref()?)?;
    let is_held = matches!(
        shown.status,
        AuthorizationStatus::Created | AuthorizationStatus::Pending
    );
    let is_price = shown.money.amount == record.amount && shown.money.currency == record.currency;
    (is_held && !is_price && record.void_reason.is_none()).then(|| {
        format!(
            "{} authorizes {} {}, not {} {}",
            shown.id, shown.money.amount, shown.money.currency, record.amount, record.currency
        )
    })
}

fn paid_but_unbooked(books: &Books<'_>, is_overdue: bool) -> Option<String> {
    let record = books.record;
    let keeps_money = books.kept() > Decimal::ZERO && !record.refunds_open;
    let is_unbooked = matches!(
        record.booking_status,
        BookingState::PendingPayment | BookingState::Expired
    );
    let has_money = books.has_authorized_money() || keeps_money;
    (is_overdue && has_money && is_unbooked && record.void_reason.is_none()).then(String::new)
}

fn cancelled_not_voided(books: &Books<'_>, is_overdue: bool) -> Option<String> {
    let record = books.record;
    let must_be_voided = record.void_reason.is_some()
        || (record.booking_status == BookingState::Cancelled
            && (record.capture_amount.is_none() || record.status == PaymentState::Failed));
    (is_overdue && must_be_voided && books.holding().is_some())
        .then(|| record.authorization_id.clone().unwrap_or_default())
}

fn lapsing(books: &Books<'_>, now: Timestamp) -> Option<String> {
    let record = books.record;
    let end = record.authorization_expires_at?;
    let expires_soon = end.duration_since(now) < LAPSING_PERIOD;
    (expires_soon
        && record.booking_status.is_confirmed()
        && record.void_reason.is_none()
        && books.captures.is_empty()
        && books.has_authorized_money())
    .then(|| end.to_string())
}

/// A payment that was opened to pay again counts as none until PayPal authorizes it.
fn unpaid_booking(record: &PaymentRecord) -> Option<String> {
    let has_no_money =
        record.status.ended_without_money() || record.status == PaymentState::Created;
    (record.booking_status.is_confirmed() && record.is_latest && has_no_money)
        .then(|| record.failure_code.clone().unwrap_or_default())
}

fn paid_twice(books: &Books<'_>, is_overdue: bool) -> Option<String> {
    let record = books.record;
    let is_second = record
        .void_reason
        .as_deref()
        .is_some_and(|reason| matches!(reason, "replaced" | "already_paid"));
    (is_overdue && is_second && !record.refunds_open && books.kept() > Decimal::ZERO)
        .then(|| format!("{} {}", shown(books.kept()), record.currency))
}

fn money_returned(record: &PaymentRecord) -> Option<String> {
    let captured = record.captured_amount?.decimal();
    let refunded = record.refunded_amount.decimal();
    let owed = record.capture_amount.unwrap_or(record.amount).decimal();
    (record.booking_status.is_confirmed()
        && record.is_latest
        && refunded > Decimal::ZERO
        && captured - refunded < owed
        && !record.refunded_by_us)
        .then(|| {
            format!(
                "{} of {} {}",
                record.refunded_amount,
                shown(captured),
                record.currency
            )
        })
}

fn authorization_pending(books: &Books<'_>) -> Option<String> {
    let (record, seen) = (books.record, books.seen);
    let id = match seen.standing_authorization() {
        Some(shown) => (shown.status == AuthorizationStatus::Pending).then_some(&shown.id),
        // PayPal may neither list nor know it.
        None => record
            .authorization_id
            .as_ref()
            .filter(|_| record.status == PaymentState::AuthorizationPending)
            .filter(|id| seen.authorization(id).is_none()),
    }?;
    let is_waiting = books.captures.is_empty()
        && record.void_reason.is_none()
        && record.booking_status != BookingState::Cancelled;
    is_waiting.then(|| {
        if seen.is_missing(id) {
            format!("{id} PayPal does not know it")
        } else {
            id.clone()
        }
    })
}

fn capture_delayed(record: &PaymentRecord, now: Timestamp) -> Option<String> {
    let since = record.capture_failing_since?;
    (now.duration_since(since) > DELAY_PERIOD)
        .then(|| record.failure_code.clone().unwrap_or_default())
}

/// PayPal may hold money that no request shows.
fn order_unclear(
    record: &PaymentRecord,
    observation: &Observation,
    now: Timestamp,
) -> Option<String> {
    let is_old = now.duration_since(record.order_created_at?) > ORDER_PERIOD;
    let shows_nothing = record.authorization_id.is_none()
        && observation
            .authorizations
            .iter()
            .all(|authorization| authorization.status == AuthorizationStatus::Unknown)
        && observation.captures.is_empty();
    let mut orders = observation.orders.iter();
    let completed = orders.find(|order| order.status == OrderStatus::Completed)?;
    (is_old && shows_nothing && record.status == PaymentState::Created)
        .then(|| completed.id.clone())
}

/// The id of a capture, with PayPal's reason.
fn named(capture: &Capture) -> String {
    match &capture.reason {
        Some(reason) => format!("{} {reason}", capture.id),
        None => capture.id.clone(),
    }
}

fn capture_pending(observation: &Observation) -> Option<String> {
    observation
        .captures
        .iter()
        .find(|capture| capture.status == CaptureStatus::Pending)
        .map(named)
}

fn capture_declined(books: &Books<'_>) -> Option<String> {
    let record = books.record;
    let is_to_be_paid = record.booking_status.is_confirmed()
        && record.is_latest
        && record.void_reason.is_none()
        && books.captures.is_empty();
    let declined = books
        .seen
        .decisive_capture()
        .filter(|capture| capture.status.meaning() == Meaning::DeclinedByPayer)?;
    is_to_be_paid.then(|| named(declined))
}

/// A comparison only reads, so its success says nothing about a call that PayPal refuses.
fn paypal_refuses_us(record: &PaymentRecord) -> Option<String> {
    let mut failures = record.open_failures.iter();
    let refused = failures.find(|failure| is_refusal_of_us(&failure.operation, &failure.code))?;
    Some(refused.code.clone())
}

fn refund_delayed(record: &PaymentRecord, now: Timestamp) -> Option<String> {
    let mut refunds = record.refunds.iter();
    let delayed = refunds.find(|refund| {
        let is_old = refund
            .ordered_at
            .is_some_and(|since| now.duration_since(since) > DELAY_PERIOD);
        refund.status == RecordedRefundStatus::Ordered && (is_old || refund.is_disputed)
    })?;
    let code = delayed.failure_code.as_deref().unwrap_or("not_made");
    Some(format!("{} {code}", delayed.refund_id))
}

fn refund_pending(record: &PaymentRecord, now: Timestamp) -> Option<String> {
    let pending = record.refunds.iter().find(|refund| {
        let since = refund.pending_since.unwrap_or(record.updated_at);
        refund.status == RecordedRefundStatus::Pending && now.duration_since(since) > REFUND_PERIOD
    })?;
    let id = pending.paypal_refund_id.clone();
    Some(id.unwrap_or_else(|| pending.refund_id.to_string()))
}

fn refund_missing(books: &Books<'_>, is_overdue: bool) -> Option<String> {
    let returned = books.returned.filter(|_| !books.captures.is_empty())?;
    let recorded = books.record.refunded_amount;
    (is_overdue && returned < recorded.decimal()).then(|| {
        format!(
            "{} of {recorded} {}",
            shown(returned),
            books.record.currency
        )
    })
}

fn refund_window_ends(record: &PaymentRecord, now: Timestamp) -> Option<String> {
    let end = record.captured_at?.checked_add(REFUND_WINDOW).ok()?;
    let last_day = end.to_zoned(TimeZone::UTC).date();
    let keeps_money = matches!(
        record.status,
        PaymentState::Captured | PaymentState::PartiallyRefunded
    );
    (keeps_money
        && record.booking_status == BookingState::Upcoming
        && end.duration_since(now) <= WINDOW_NOTICE
        && record.start_date? > last_day)
        .then(|| last_day.to_string())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod sums_tests;
