//! Where a booking stands, and what moves it.
//!
//! ```text
//!                      paid               first day          last day
//!   pending_payment ─────────► upcoming ───────────► active ──────────► completed
//!      │      ▲                   ▲  └──────────── last day ──────────────▲
//!      │ lapse│revival            │ paid late
//!      ▼      │                   │
//!      expired ───────────────────┘
//!
//!   cancelled: from pending_payment, expired, upcoming and active
//! ```
//!
//! `pending_payment`, `upcoming` and `active` keep the car's days; the database lets no two such bookings share one.
//! The database draws the same arrows (`internal.booking_may_become`) and refuses what [`step`] refuses.

use serde::{Deserialize, Serialize};

/// A booking's state, as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// The days are held while the customer pays.
    PendingPayment,
    /// The hold lapsed.
    Expired,
    /// The money is held or taken; the rental is ahead.
    Upcoming,
    /// The car is out.
    Active,
    /// The car is back.
    Completed,
    /// Given up.
    Cancelled,
}

impl BookingState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::PendingPayment,
        Self::Expired,
        Self::Upcoming,
        Self::Active,
        Self::Completed,
        Self::Cancelled,
    ];

    /// As the database writes it.
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

    /// Whether the customer has, had or will have the car, and so owes its price.
    #[must_use]
    pub fn is_confirmed(self) -> bool {
        matches!(self, Self::Upcoming | Self::Active | Self::Completed)
    }
}

/// What happened to a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingEvent {
    /// The hold's time is over.
    HoldLapsed,
    /// The customer came back, and the days are still free.
    HoldRevived,
    /// The money is held.
    Paid,
    /// The first day has come.
    Began,
    /// The last day has come.
    Ended,
    /// It was given up.
    Cancelled,
}

impl BookingEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::HoldLapsed,
        Self::HoldRevived,
        Self::Paid,
        Self::Began,
        Self::Ended,
        Self::Cancelled,
    ];
}

/// What is to be done when a booking moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookingEffect {
    /// The car's days have changed: cached answers about them are over.
    DaysChanged,
    /// The capture gets its moment.
    ScheduleCapture,
    /// What is held or taken goes back, as far as the cancellation policy says.
    SettleMoney,
}

/// Where an event leads: to a state with effects, or nowhere because it makes no sense here.
#[must_use]
pub fn step(
    state: BookingState,
    event: BookingEvent,
) -> Option<(BookingState, &'static [BookingEffect])> {
    use BookingEffect::{DaysChanged, ScheduleCapture, SettleMoney};
    use BookingEvent as E;
    use BookingState as S;
    match (event, state) {
        (E::HoldLapsed, S::PendingPayment) => Some((S::Expired, &[DaysChanged])),
        (E::HoldRevived, S::Expired) => Some((S::PendingPayment, &[DaysChanged])),
        (E::Paid, S::PendingPayment | S::Expired) => {
            Some((S::Upcoming, &[DaysChanged, ScheduleCapture]))
        }
        (E::Began, S::Upcoming) => Some((S::Active, &[])),
        (E::Ended, S::Upcoming | S::Active) => Some((S::Completed, &[])),
        (E::Cancelled, S::PendingPayment | S::Expired | S::Upcoming | S::Active) => {
            Some((S::Cancelled, &[DaysChanged, SettleMoney]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};

    #[test]
    fn what_is_over_stays_over() {
        for state in [BookingState::Completed, BookingState::Cancelled] {
            for event in BookingEvent::ALL {
                assert_eq!(step(state, event), None, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn whatever_changes_the_days_says_so() {
        let keeps = |state| {
            matches!(
                state,
                BookingState::PendingPayment | BookingState::Upcoming | BookingState::Active
            )
        };
        for state in BookingState::ALL {
            for event in BookingEvent::ALL {
                let Some((after, effects)) = step(state, event) else {
                    continue;
                };
                // A rental that is over blocks no day that anybody could still book.
                if keeps(state) != keeps(after) && after != BookingState::Completed {
                    assert!(
                        effects.contains(&BookingEffect::DaysChanged),
                        "{state:?} {event:?}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_confirmed_booking_is_never_a_hold_again(events in vec(select(BookingEvent::ALL.as_slice()), 0..12)) {
            let mut state = BookingState::PendingPayment;
            let mut confirmed = false;
            for event in events {
                state = step(state, event).map_or(state, |(state, _)| state);
                confirmed |= state.is_confirmed();
                if confirmed {
                    prop_assert!(state.is_confirmed() || state == BookingState::Cancelled);
                }
            }
        }
    }
}
