//! Checks that a hold without an approved order blocks its days for an hour in all, whatever is
//! called in whatever order.

use crate::{books::Books, ledger::Ledger};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

const LIMIT: SignedDuration = SignedDuration::from_mins(60);
/// Instances disagree about the time by this much, and each extension may see another clock.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The time that each hold has blocked, and its present end.
#[derive(Default)]
pub(super) struct Holds(BTreeMap<Uuid, (SignedDuration, Timestamp)>);

impl Holds {
    /// Counts the time that holds block. Returns the violation of the first one that blocks too
    /// long.
    pub(super) fn record(
        &mut self,
        books: &Books,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Option<String> {
        for booking in books.bookings.values() {
            let Some(end) = booking.hold_expires_at else {
                continue;
            };
            if booking.status != "pending_payment" || end <= now {
                continue;
            }
            let (blocked, counted_until) = self
                .0
                .entry(booking.id)
                .or_insert((SignedDuration::ZERO, now));
            // An approved order ends the hour: the payer has begun to pay.
            if ledger.is_approved(booking.id) {
                continue;
            }
            let begin = (*counted_until).max(now);
            if end > begin {
                *blocked += end.duration_since(begin);
                *counted_until = end;
            }
            if *blocked > LIMIT + SKEW {
                return Some(format!(
                    "{} holds its days for {} minutes without an approved order",
                    booking.id,
                    blocked.as_mins()
                ));
            }
        }
        None
    }
}
