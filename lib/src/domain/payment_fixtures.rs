//! Records and observations for tests.

use super::{
    booking_state::BookingState,
    money::{Amount, Currency, Money},
    observation::{
        Authorization, AuthorizationStatus, Capture, CaptureStatus, Observation, ObservedOrder,
        OrderStatus, Refund, RefundStatus,
    },
    payment_record::{
        PaymentRecord, RecordedCapture, RecordedCaptureStatus, RecordedRefund, RecordedRefundStatus,
    },
    payment_state::PaymentState,
};
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) const NOW: &str = "2030-01-20T00:00:00Z";
pub(crate) const PRICE: &str = "237.60";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub(crate) fn money(text: &str) -> Money {
    Money {
        amount: amount(text),
        currency: Currency::parse("USD").unwrap(),
    }
}

/// A record without captures and refunds. Its order is O and its authorization is A.
pub(crate) fn record(status: PaymentState, booking_status: BookingState) -> PaymentRecord {
    PaymentRecord {
        payment_id: Uuid::nil(),
        status,
        booking_status,
        start_date: Some("2030-03-01".parse().unwrap()),
        is_latest: true,
        amount: amount(PRICE),
        currency: money(PRICE).currency,
        order_id: Some("O".into()),
        order_ids: vec!["O".into()],
        order_created_at: Some(at("2030-01-19T20:00:00Z")),
        authorization_id: (status != PaymentState::Created).then(|| "A".into()),
        authorization_expires_at: Some(at("2030-02-08T00:00:00Z")),
        hold_ended: matches!(
            status,
            PaymentState::Voided | PaymentState::Expired | PaymentState::Captured
        ),
        capture_amount: None,
        kept_amount: None,
        captured_amount: None,
        captured_at: None,
        capture_failing_since: None,
        captures: Vec::new(),
        refunded_amount: amount("0"),
        refunds: Vec::new(),
        refunded_by_us: false,
        open_failures: Vec::new(),
        void_reason: None,
        failure_code: None,
        refunds_open: false,
        refund_refused: false,
        updated_at: at("2030-01-10T00:00:00Z"),
    }
}

/// A record with one capture C of the whole price.
pub(crate) fn captured(status: PaymentState, booking_status: BookingState) -> PaymentRecord {
    PaymentRecord {
        captured_amount: Some(amount(PRICE)),
        captured_at: Some(at("2030-01-10T00:00:00Z")),
        captures: vec![recorded_capture("C", RecordedCaptureStatus::Completed)],
        ..record(status, booking_status)
    }
}

pub(crate) fn recorded_capture(id: &str, status: RecordedCaptureStatus) -> RecordedCapture {
    RecordedCapture {
        capture_id: id.into(),
        amount: amount(PRICE),
        status,
    }
}

/// A refund of capture C. `id` is PayPal's, and empty before PayPal has it.
pub(crate) fn recorded_refund(id: &str, sum: &str, status: RecordedRefundStatus) -> RecordedRefund {
    RecordedRefund {
        refund_id: Uuid::from_u128(7),
        paypal_refund_id: Some(id.to_owned()).filter(|id| !id.is_empty()),
        capture_id: Some("C".into()),
        amount: amount(sum),
        status,
        ordered_at: None,
        pending_since: None,
        failure_code: None,
        is_disputed: false,
    }
}

pub(crate) fn authorization(id: &str, status: AuthorizationStatus) -> Authorization {
    Authorization {
        id: id.into(),
        order_id: Some("O".into()),
        status,
        money: money(PRICE),
        expires_at: None,
    }
}

pub(crate) fn capture(id: &str, status: CaptureStatus) -> Capture {
    Capture {
        id: id.into(),
        status,
        money: money(PRICE),
        reason: None,
    }
}

/// A refund of capture C.
pub(crate) fn refund(id: &str, sum: &str, status: RefundStatus) -> Refund {
    Refund {
        id: id.into(),
        capture_id: Some("C".into()),
        status,
        money: money(sum),
        custom_id: None,
    }
}

/// Order O with one authorization A, and these captures.
pub(crate) fn observation(
    status: AuthorizationStatus,
    captures: &[(&str, CaptureStatus)],
) -> Observation {
    Observation {
        authorizations: vec![authorization("A", status)],
        captures: captures
            .iter()
            .map(|(id, status)| capture(id, *status))
            .collect(),
        ..order(OrderStatus::Completed)
    }
}

/// Order O without money.
pub(crate) fn order(status: OrderStatus) -> Observation {
    Observation {
        orders: vec![ObservedOrder {
            id: "O".into(),
            status,
        }],
        ..Observation::default()
    }
}
