//! The states of a booking and the transitions between them.
//!
//! ```text
//!                      paid               first day          last day
//!   pending_payment ─────────► upcoming ───────────► active ──────────► completed
//!      │      ▲                   ▲  └──────────── last day ──────────────▲
//!    expiry revival               │ paid late
//!      ▼      │                   │
//!      expired ───────────────────┘
//!
//!   cancelled: from pending_payment, expired, upcoming and active
//! ```
//!
//! `pending_payment`, `upcoming` and `active` occupy the car's days and the turnaround, and
//! `completed` the turnaround. The database lets no two such bookings share a day.
//!
//! The database makes the transitions. [`transition`] is their specification:
//! `tests/sql/schema/states.rs` compares it with the database's guard,
//! `internal.booking_may_become`.

use serde::{Deserialize, Serialize};

/// A booking's state, as stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// A hold: the days are reserved while the customer pays.
    PendingPayment,
    /// The hold has expired.
    Expired,
    /// The money is authorized or captured, and the rental is in the future.
    Upcoming,
    /// The customer has the car.
    Active,
    /// The car is back.
    Completed,
    Cancelled,
}

impl BookingState {
    pub const ALL: [Self; 6] = [
        Self::PendingPayment,
        Self::Expired,
        Self::Upcoming,
        Self::Active,
        Self::Completed,
        Self::Cancelled,
    ];

    /// The name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingPayment => "pending_payment",
            Self::Expired => "expired",
            Self::Upcoming => "upcoming",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the customer owes the price: the rental is in the future, under way or completed.
    #[must_use]
    pub(crate) fn is_confirmed(self) -> bool {
        matches!(self, Self::Upcoming | Self::Active | Self::Completed)
    }
}

/// An event in the life of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingEvent {
    HoldExpired,
    /// The customer came back, and the days are still free.
    HoldRevived,
    /// PayPal authorized the money.
    Paid,
    /// The first day has come.
    Began,
    /// The last day has come.
    Ended,
    Cancelled,
}

impl BookingEvent {
    pub const ALL: [Self; 6] = [
        Self::HoldExpired,
        Self::HoldRevived,
        Self::Paid,
        Self::Began,
        Self::Ended,
        Self::Cancelled,
    ];
}

/// The state after `event`. `None` when the event is impossible in `state`.
#[must_use]
pub fn transition(state: BookingState, event: BookingEvent) -> Option<BookingState> {
    use BookingEvent as E;
    use BookingState as S;
    match (event, state) {
        (E::HoldExpired, S::PendingPayment) => Some(S::Expired),
        (E::HoldRevived, S::Expired) => Some(S::PendingPayment),
        (E::Paid, S::PendingPayment | S::Expired) => Some(S::Upcoming),
        (E::Began, S::Upcoming) => Some(S::Active),
        (E::Ended, S::Upcoming | S::Active) => Some(S::Completed),
        (E::Cancelled, S::PendingPayment | S::Expired | S::Upcoming | S::Active) => {
            Some(S::Cancelled)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};

    #[test]
    fn transitions_follow_diagram() {
        use BookingEvent as E;
        use BookingState as S;
        let diagram: [(E, &[S], S); 6] = [
            (E::HoldExpired, &[S::PendingPayment], S::Expired),
            (E::HoldRevived, &[S::Expired], S::PendingPayment),
            (E::Paid, &[S::PendingPayment, S::Expired], S::Upcoming),
            (E::Began, &[S::Upcoming], S::Active),
            (E::Ended, &[S::Upcoming, S::Active], S::Completed),
            (
                E::Cancelled,
                &[S::PendingPayment, S::Expired, S::Upcoming, S::Active],
                S::Cancelled,
            ),
        ];
        for (event, possible, next) in diagram {
            for state in S::ALL {
                let expected = possible.contains(&state).then_some(next);
                assert_eq!(transition(state, event), expected, "{state:?} {event:?}");
            }
        }
        assert_eq!(diagram.map(|(event, ..)| event), E::ALL);
    }

    #[test]
    fn name_is_the_serialized_state() {
        for state in BookingState::ALL {
            let serialized = serde_json::to_value(state).unwrap();
            assert_eq!(serialized, state.name());
        }
    }

    #[test]
    fn final_states_are_never_left() {
        for state in [BookingState::Completed, BookingState::Cancelled] {
            for event in BookingEvent::ALL {
                assert_eq!(transition(state, event), None, "{state:?} {event:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn confirmed_booking_never_becomes_hold(
            events in vec(select(BookingEvent::ALL.as_slice()), 0..12)
        ) {
            let mut state = BookingState::PendingPayment;
            let mut was_confirmed = false;
            for event in events {
                state = transition(state, event).unwrap_or(state);
                was_confirmed |= state.is_confirmed();
                if was_confirmed {
                    prop_assert!(state.is_confirmed() || state == BookingState::Cancelled);
                }
            }
        }
    }
}
