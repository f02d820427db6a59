//! The states of a payment and the transitions between them.
//!
//! ```text
//!                                   claimed
//!   created ─────────► authorized ◄────────► capturing ─────────► captured ◄──► partially_refunded
//!      │                 ▲  ▲  │     released    │                   ▲  ▲              ▲
//!      └► authorization_─┘  │  │                 └► capture_pending ─┘  └──► refunded ◄┘
//!         pending           │  │                         │
//!                           │  ▼                         ▼
//!               reopened:   └─ voided · expired · failed ──── claimed again (failed): capturing
//! ```
//!
//! PayPal's actions are facts. From any state, `captured` leads to captured and a refund to
//! refunded, however late the event arrives. A known fact changes nothing, so events may arrive
//! twice and in any order. Three steps lead backwards, each on evidence:
//!
//! - A claim that captured nothing is released.
//! - A payment that had ended is reopened when PayPal shows that its authorization holds money.
//! - A refund that PayPal could not complete is taken back.
//!
//! A payment in `authorization_pending` or `capture_pending` waits for PayPal's decision.
//!
//! `flows/payment/observe.rs` applies PayPal's facts through [`transition`]. The product's own
//! transitions are made by the database; for these, [`transition`] is the specification.
//! `tests/sql/schema/states.rs` compares all of them with the database's guard,
//! `internal.payment_may_become`.

use serde::{Deserialize, Serialize};

/// A payment's state, as stored and shown. The order is that of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// An order may exist. No money is authorized.
    Created,
    /// PayPal reviews the authorization. It holds no money that can be captured.
    AuthorizationPending,
    Authorized,
    /// A capture is under way, or its result is unknown.
    Capturing,
    Voided,
    /// The authorization or the order has expired.
    Expired,
    /// PayPal refused the capture or denied the authorization. An authorization may still live.
    Failed,
    /// PayPal reviews the capture, or waits for the payer's bank.
    CapturePending,
    Captured,
    PartiallyRefunded,
    Refunded,
}

impl PaymentState {
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::AuthorizationPending,
        Self::Authorized,
        Self::Capturing,
        Self::Voided,
        Self::Expired,
        Self::Failed,
        Self::CapturePending,
        Self::Captured,
        Self::PartiallyRefunded,
        Self::Refunded,
    ];

    /// The name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::AuthorizationPending => "authorization_pending",
            Self::Authorized => "authorized",
            Self::Capturing => "capturing",
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::CapturePending => "capture_pending",
            Self::Captured => "captured",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }

    /// Whether the money was captured, refunded or not.
    #[must_use]
    pub(crate) fn is_captured(self) -> bool {
        matches!(
            self,
            Self::Captured | Self::PartiallyRefunded | Self::Refunded
        )
    }

    /// Whether the payment ended without a capture.
    #[must_use]
    pub(crate) fn ended_without_money(self) -> bool {
        matches!(self, Self::Voided | Self::Expired | Self::Failed)
    }
}

/// An event in the life of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentEvent {
    /// PayPal reviews the authorization.
    AuthorizationPending,
    Authorized,
    /// A cron run or an operator claims the capture.
    Claimed,
    /// The claim ended without a capture.
    Released,
    /// PayPal reviews the capture.
    CapturePending,
    Captured,
    /// PayPal refused the capture or denied the authorization.
    Refused,
    Voided,
    Expired,
    /// The payment had ended, and PayPal shows that its authorization holds money.
    Reopened,
    RefundedInPart,
    RefundedInFull,
    /// PayPal failed a refund, and the rest is refunded in part.
    RefundFailedInPart,
    /// PayPal failed the only refund.
    RefundFailedInFull,
}

impl PaymentEvent {
    pub const ALL: [Self; 14] = [
        Self::AuthorizationPending,
        Self::Authorized,
        Self::Claimed,
        Self::Released,
        Self::CapturePending,
        Self::Captured,
        Self::Refused,
        Self::Voided,
        Self::Expired,
        Self::Reopened,
        Self::RefundedInPart,
        Self::RefundedInFull,
        Self::RefundFailedInPart,
        Self::RefundFailedInFull,
    ];
}

/// The result of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentTransition {
    /// The payment changes to this state.
    To(PaymentState),
    /// The event, or a later one, is known already.
    Unchanged,
    /// The event is impossible: a claim without an authorization.
    Impossible,
}

impl PaymentTransition {
    /// The state afterwards.
    #[must_use]
    pub fn state(self, before: PaymentState) -> PaymentState {
        match self {
            Self::To(state) => state,
            Self::Unchanged | Self::Impossible => before,
        }
    }
}

/// The result of `event` in `state`.
#[must_use]
pub fn transition(state: PaymentState, event: PaymentEvent) -> PaymentTransition {
    use PaymentEvent as E;
    use PaymentState as S;
    use PaymentTransition::{Impossible, To, Unchanged};
    match (event, state) {
        (E::AuthorizationPending, S::Created) => To(S::AuthorizationPending),
        (E::Authorized, S::Created | S::AuthorizationPending)
        | (E::Released, S::Capturing)
        | (E::Reopened, S::Voided | S::Expired | S::Failed) => To(S::Authorized),
        (E::Claimed, S::Authorized | S::Failed) => To(S::Capturing),
        (E::CapturePending, state) if state < S::CapturePending => To(S::CapturePending),
        (E::Captured, state) if state < S::Captured => To(S::Captured),
        (E::Voided, state) if is_uncaptured(state) => To(S::Voided),
        (E::Expired, state) if is_uncaptured(state) => To(S::Expired),
        (E::Refused, state) if is_uncaptured(state) || state == S::CapturePending => To(S::Failed),
        (E::RefundedInPart, state) if state < S::PartiallyRefunded => To(S::PartiallyRefunded),
        (E::RefundedInFull, state) if state < S::Refunded => To(S::Refunded),
        (E::RefundFailedInPart, S::Refunded) => To(S::PartiallyRefunded),
        (E::RefundFailedInFull, S::PartiallyRefunded | S::Refunded) => To(S::Captured),
        // An expired claim may be claimed again. No other state can be claimed.
        (E::Claimed, state) if state != S::Capturing => Impossible,
        _ => Unchanged,
    }
}

/// Whether the payment has not ended, and PayPal shows no capture of it.
fn is_uncaptured(state: PaymentState) -> bool {
    state <= PaymentState::Capturing
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select};

    /// The progress of a payment. A claim is no fact, so it counts as the state it claims.
    fn progress(state: PaymentState) -> u8 {
        match state {
            PaymentState::Created => 0,
            PaymentState::AuthorizationPending => 1,
            PaymentState::Authorized | PaymentState::Capturing => 2,
            PaymentState::CapturePending => 3,
            PaymentState::Voided | PaymentState::Expired | PaymentState::Failed => 4,
            PaymentState::Captured => 5,
            PaymentState::PartiallyRefunded => 6,
            PaymentState::Refunded => 7,
        }
    }

    /// Whether an event may undo an end or a refund.
    fn is_backwards(event: PaymentEvent) -> bool {
        matches!(
            event,
            PaymentEvent::Reopened
                | PaymentEvent::Claimed
                | PaymentEvent::CapturePending
                | PaymentEvent::RefundFailedInPart
                | PaymentEvent::RefundFailedInFull
        )
    }

    fn run(events: &[PaymentEvent]) -> PaymentState {
        events.iter().fold(PaymentState::Created, |state, event| {
            transition(state, *event).state(state)
        })
    }

    #[test]
    fn only_evidence_moves_payment_backwards() {
        for state in PaymentState::ALL {
            for event in PaymentEvent::ALL {
                let after = transition(state, event).state(state);
                assert!(
                    progress(after) >= progress(state) || is_backwards(event),
                    "{state:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn only_money_or_evidence_leaves_an_end() {
        for state in PaymentState::ALL
            .into_iter()
            .filter(|state| state.ended_without_money())
        {
            for event in PaymentEvent::ALL {
                let after = transition(state, event).state(state);
                assert!(
                    after == state || after.is_captured() || is_backwards(event),
                    "{state:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn captured_money_never_becomes_uncaptured() {
        for state in PaymentState::ALL
            .into_iter()
            .filter(|state| state.is_captured())
        {
            for event in PaymentEvent::ALL {
                let after = transition(state, event).state(state);
                assert!(after.is_captured(), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn repeated_event_changes_nothing() {
        for state in PaymentState::ALL {
            for event in PaymentEvent::ALL {
                let once = transition(state, event).state(state);
                assert_eq!(
                    transition(once, event).state(once),
                    once,
                    "{state:?} {event:?} twice"
                );
            }
        }
    }

    #[test]
    fn only_authorized_or_failed_payment_is_claimed() {
        for state in PaymentState::ALL {
            let expected = match state {
                PaymentState::Authorized | PaymentState::Failed => {
                    PaymentTransition::To(PaymentState::Capturing)
                }
                PaymentState::Capturing => PaymentTransition::Unchanged,
                _ => PaymentTransition::Impossible,
            };
            assert_eq!(
                transition(state, PaymentEvent::Claimed),
                expected,
                "{state:?}"
            );
        }
    }

    #[test]
    fn capture_after_the_end_is_recorded() {
        for end in [
            PaymentState::Voided,
            PaymentState::Expired,
            PaymentState::Failed,
            PaymentState::CapturePending,
        ] {
            assert_eq!(
                transition(end, PaymentEvent::Captured),
                PaymentTransition::To(PaymentState::Captured)
            );
        }
    }

    /// PayPal's possible events of one payment: an authorization, and then one of these ends.
    const HISTORIES: [&[PaymentEvent]; 9] = [
        &[PaymentEvent::AuthorizationPending, PaymentEvent::Authorized],
        &[
            PaymentEvent::Authorized,
            PaymentEvent::CapturePending,
            PaymentEvent::Captured,
        ],
        &[PaymentEvent::Authorized],
        &[PaymentEvent::Authorized, PaymentEvent::Voided],
        &[PaymentEvent::Authorized, PaymentEvent::Expired],
        &[PaymentEvent::Authorized, PaymentEvent::Refused],
        &[PaymentEvent::Authorized, PaymentEvent::Captured],
        &[
            PaymentEvent::Authorized,
            PaymentEvent::Captured,
            PaymentEvent::RefundedInPart,
        ],
        &[
            PaymentEvent::Authorized,
            PaymentEvent::Captured,
            PaymentEvent::RefundedInPart,
            PaymentEvent::RefundedInFull,
        ],
    ];

    proptest! {
        #[test]
        fn event_order_does_not_matter(
            (history, events) in select(HISTORIES.as_slice()).prop_flat_map(|history| {
                let doubled: Vec<_> = history.iter().chain(history).chain(history).copied().collect();
                (Just(history), Just(doubled).prop_shuffle())
            })
        ) {
            prop_assert_eq!(run(&events), run(history));
        }
    }
}
