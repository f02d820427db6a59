//! The states of a payment and the transitions between them.
//!
//! ```text
//!             authorized           claimed
//!   created ─────────────► authorized ◄──────► capturing        (released: nothing was captured)
//!      │                       │                   │
//!      ├── voided, expired, refused ───────────────┤
//!      ▼                       ▼                   ▼
//!   voided · expired · failed  ──── captured ──► captured ──► partially_refunded ──► refunded
//! ```
//!
//! PayPal's actions are facts. From any state, `captured` leads to captured and a refund to
//! refunded, however late the event arrives. A known fact changes nothing, so events may arrive
//! twice and in any order. Only a claim can be undone: one that captured nothing is released.
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
    Authorized,
    /// A capture is under way, or its result is unknown.
    Capturing,
    Voided,
    /// The authorization or the order has expired.
    Expired,
    /// PayPal refused the capture.
    Failed,
    Captured,
    PartiallyRefunded,
    Refunded,
}

impl PaymentState {
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::Authorized,
        Self::Capturing,
        Self::Voided,
        Self::Expired,
        Self::Failed,
        Self::Captured,
        Self::PartiallyRefunded,
        Self::Refunded,
    ];

    /// The name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Authorized => "authorized",
            Self::Capturing => "capturing",
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Failed => "failed",
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
    Authorized,
    /// A cron run or an operator claims the capture.
    Claimed,
    /// The claim ended without a capture.
    Released,
    Captured,
    /// PayPal refused the capture.
    Refused,
    Voided,
    Expired,
    RefundedInPart,
    RefundedInFull,
}

impl PaymentEvent {
    pub const ALL: [Self; 9] = [
        Self::Authorized,
        Self::Claimed,
        Self::Released,
        Self::Captured,
        Self::Refused,
        Self::Voided,
        Self::Expired,
        Self::RefundedInPart,
        Self::RefundedInFull,
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
        (E::Authorized, S::Created) | (E::Released, S::Capturing) => To(S::Authorized),
        (E::Claimed, S::Authorized) => To(S::Capturing),
        (E::Captured, state) if state < S::Captured => To(S::Captured),
        (E::Voided, S::Created | S::Authorized | S::Capturing) => To(S::Voided),
        (E::Expired, S::Created | S::Authorized | S::Capturing) => To(S::Expired),
        (E::Refused, S::Created | S::Authorized | S::Capturing) => To(S::Failed),
        (E::RefundedInPart, state) if state < S::PartiallyRefunded => To(S::PartiallyRefunded),
        (E::RefundedInFull, state) if state < S::Refunded => To(S::Refunded),
        // An expired claim may be claimed again. No other state can be claimed.
        (E::Claimed, state) if state != S::Capturing => Impossible,
        _ => Unchanged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select};

    /// The progress of a payment. A claim is no fact, so it counts as the state it claims.
    fn progress(state: PaymentState) -> u8 {
        match state {
            PaymentState::Created => 0,
            PaymentState::Authorized | PaymentState::Capturing => 1,
            PaymentState::Voided | PaymentState::Expired | PaymentState::Failed => 2,
            PaymentState::Captured => 3,
            PaymentState::PartiallyRefunded => 4,
            PaymentState::Refunded => 5,
        }
    }

    fn run(events: &[PaymentEvent]) -> PaymentState {
        events.iter().fold(PaymentState::Created, |state, event| {
            transition(state, *event).state(state)
        })
    }

    #[test]
    fn payment_never_moves_backwards() {
        for state in PaymentState::ALL {
            for event in PaymentEvent::ALL {
                let after = transition(state, event).state(state);
                assert!(progress(after) >= progress(state), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn only_money_leaves_an_end_without_money() {
        for state in PaymentState::ALL
            .into_iter()
            .filter(|state| state.ended_without_money())
        {
            for event in PaymentEvent::ALL {
                let after = transition(state, event).state(state);
                assert!(after == state || after.is_captured(), "{state:?} {event:?}");
            }
        }
        for event in PaymentEvent::ALL {
            let refunded = PaymentState::Refunded;
            assert_eq!(
                transition(refunded, event).state(refunded),
                refunded,
                "{event:?}"
            );
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
    fn only_authorized_payment_is_claimed() {
        let claimed = |state| transition(state, PaymentEvent::Claimed);
        assert_eq!(
            claimed(PaymentState::Authorized),
            PaymentTransition::To(PaymentState::Capturing)
        );
        for state in PaymentState::ALL {
            let is_authorized = matches!(state, PaymentState::Authorized | PaymentState::Capturing);
            assert_eq!(
                claimed(state) != PaymentTransition::Impossible,
                is_authorized,
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
        ] {
            assert_eq!(
                transition(end, PaymentEvent::Captured),
                PaymentTransition::To(PaymentState::Captured)
            );
        }
    }

    /// PayPal's possible events of one payment: an authorization, and then one of these ends.
    const HISTORIES: [&[PaymentEvent]; 7] = [
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
