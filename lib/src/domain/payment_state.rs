//! Where a payment stands, and what moves it.
//!
//! ```text
//!             authorized           claimed
//!   created ─────────────► authorized ◄──────► capturing        (returned: nothing was captured)
//!      │                       │                   │
//!      ├── voided, lapsed, refused ────────────────┤
//!      ▼                       ▼                   ▼
//!   voided · expired · failed  ──── captured ──► captured ──► partially_refunded ──► refunded
//! ```
//!
//! What PayPal did is a fact: from any state `captured` leads to captured, a refund to refunded, however late and in
//! whatever order we hear of it. A fact that is already known changes nothing, so events may be doubled and reordered.
//! The only way back is the lease: a claim that captured nothing is returned.
//!
//! The database draws the same arrows (`internal.payment_may_become`) and refuses what [`step`] refuses.

use serde::{Deserialize, Serialize};

/// A payment's state, as it is stored and shown, in the order of how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// There may be an order; no money is held.
    Created,
    /// PayPal holds the money.
    Authorized,
    /// The money is being taken; whether it is ours may be unknown for a while.
    Capturing,
    /// The authorization was given back.
    Voided,
    /// The authorization lapsed.
    Expired,
    /// PayPal refused for good.
    Failed,
    /// The money is ours.
    Captured,
    /// Some of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
}

impl PaymentState {
    /// Every state.
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

    /// As the database writes it.
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

    /// Whether the money was taken, whatever went back since.
    #[must_use]
    pub fn is_captured(self) -> bool {
        matches!(
            self,
            Self::Captured | Self::PartiallyRefunded | Self::Refunded
        )
    }

    /// Whether the payment came to nothing.
    #[must_use]
    pub fn ended_without_money(self) -> bool {
        matches!(self, Self::Voided | Self::Expired | Self::Failed)
    }
}

/// What happened to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentEvent {
    /// PayPal holds the money.
    Authorized,
    /// A run claims the capture.
    Claimed,
    /// The claim captured nothing.
    Returned,
    /// PayPal took the money.
    Captured,
    /// PayPal will not take the money.
    Refused,
    /// The authorization was given back.
    Voided,
    /// The authorization lapsed.
    Lapsed,
    /// Some of the money went back.
    RefundedInPart,
    /// All of it went back.
    RefundedInFull,
}

impl PaymentEvent {
    /// Every event.
    pub const ALL: [Self; 9] = [
        Self::Authorized,
        Self::Claimed,
        Self::Returned,
        Self::Captured,
        Self::Refused,
        Self::Voided,
        Self::Lapsed,
        Self::RefundedInPart,
        Self::RefundedInFull,
    ];
}

/// What is to be done when a payment moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentEffect {
    /// The booking is paid for: confirm it, or have the authorization voided.
    SettleBooking,
    /// The money was taken though the payment had ended: what is not kept goes back.
    GiveBackWhatIsNotKept,
    /// A person has to look.
    TellOperator,
}

/// Where an event leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStep {
    /// To this state, with these effects.
    Moves(PaymentState, &'static [PaymentEffect]),
    /// Nowhere: it is known, or something later is.
    Known,
    /// It makes no sense here: a claim of what is not held.
    Refused,
}

impl PaymentStep {
    /// The state afterwards.
    #[must_use]
    pub fn state(self, before: PaymentState) -> PaymentState {
        match self {
            Self::Moves(state, _) => state,
            Self::Known | Self::Refused => before,
        }
    }
}

/// Where `event` leads from `state`.
#[must_use]
pub fn step(state: PaymentState, event: PaymentEvent) -> PaymentStep {
    use PaymentEffect::{GiveBackWhatIsNotKept, SettleBooking, TellOperator};
    use PaymentEvent as E;
    use PaymentState as S;
    let to = |state, effects| PaymentStep::Moves(state, effects);
    match (event, state) {
        (E::Authorized, S::Created) => to(S::Authorized, &[SettleBooking]),
        (E::Claimed, S::Authorized) => to(S::Capturing, &[]),
        (E::Returned, S::Capturing) => to(S::Authorized, &[]),
        (E::Captured, S::Created | S::Authorized | S::Capturing) => to(S::Captured, &[]),
        (E::Captured, S::Voided | S::Expired | S::Failed) => {
            to(S::Captured, &[GiveBackWhatIsNotKept, TellOperator])
        }
        (E::Voided, S::Created | S::Authorized | S::Capturing) => to(S::Voided, &[]),
        // Nobody was told that an order which the payer left would be paid.
        (E::Lapsed, S::Created) => to(S::Expired, &[]),
        (E::Lapsed, S::Authorized | S::Capturing) => to(S::Expired, &[TellOperator]),
        (E::Refused, S::Created | S::Authorized | S::Capturing) => to(S::Failed, &[TellOperator]),
        (E::RefundedInPart, state) if state < S::PartiallyRefunded => to(S::PartiallyRefunded, &[]),
        (E::RefundedInFull, state) if state < S::Refunded => to(S::Refunded, &[]),
        // A claim whose lease has lapsed is claimed again; nothing else can be.
        (E::Claimed, state) if state != S::Capturing => PaymentStep::Refused,
        _ => PaymentStep::Known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select};

    /// How much has happened. A claim is work of ours, not a fact: it counts as what it claims.
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
            step(state, *event).state(state)
        })
    }

    #[test]
    fn a_payment_never_moves_backwards() {
        for state in PaymentState::ALL {
            for event in PaymentEvent::ALL {
                let after = step(state, event).state(state);
                assert!(progress(after) >= progress(state), "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn an_end_without_money_is_only_left_by_money() {
        for state in PaymentState::ALL
            .into_iter()
            .filter(|state| state.ended_without_money())
        {
            for event in PaymentEvent::ALL {
                let after = step(state, event).state(state);
                assert!(after == state || after.is_captured(), "{state:?} {event:?}");
            }
        }
        for event in PaymentEvent::ALL {
            let refunded = PaymentState::Refunded;
            assert_eq!(step(refunded, event).state(refunded), refunded, "{event:?}");
        }
    }

    #[test]
    fn an_event_that_is_repeated_changes_nothing() {
        for state in PaymentState::ALL {
            for event in PaymentEvent::ALL {
                let once = step(state, event).state(state);
                assert_eq!(
                    step(once, event).state(once),
                    once,
                    "{state:?} {event:?} twice"
                );
            }
        }
    }

    #[test]
    fn only_what_is_held_is_claimed() {
        let claimed = |state| step(state, PaymentEvent::Claimed);
        assert_eq!(
            claimed(PaymentState::Authorized),
            PaymentStep::Moves(PaymentState::Capturing, &[])
        );
        for state in PaymentState::ALL {
            let is_held = matches!(state, PaymentState::Authorized | PaymentState::Capturing);
            assert_eq!(claimed(state) != PaymentStep::Refused, is_held, "{state:?}");
        }
    }

    #[test]
    fn money_that_comes_after_the_end_is_given_back_and_told() {
        for end in [
            PaymentState::Voided,
            PaymentState::Expired,
            PaymentState::Failed,
        ] {
            assert_eq!(
                step(end, PaymentEvent::Captured),
                PaymentStep::Moves(
                    PaymentState::Captured,
                    &[
                        PaymentEffect::GiveBackWhatIsNotKept,
                        PaymentEffect::TellOperator
                    ]
                )
            );
        }
    }

    /// What PayPal can tell of one payment: the money is held, then it ends in one of these ways.
    const HISTORIES: [&[PaymentEvent]; 7] = [
        &[PaymentEvent::Authorized],
        &[PaymentEvent::Authorized, PaymentEvent::Voided],
        &[PaymentEvent::Authorized, PaymentEvent::Lapsed],
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
        fn any_order_of_doubled_events_ends_in_the_same_state(
            (history, told) in select(HISTORIES.as_slice()).prop_flat_map(|history| {
                let doubled: Vec<_> = history.iter().chain(history).chain(history).copied().collect();
                (Just(history), Just(doubled).prop_shuffle())
            })
        ) {
            prop_assert_eq!(run(&told), run(history));
        }
    }
}
