//! Checks that bookings of a car do not overlap.

use crate::books::Books;

/// Two bookings that block the same car on the same day, turnaround included.
pub(super) fn overlap(books: &Books) -> Option<String> {
    let blocking: Vec<_> = books
        .bookings
        .values()
        .filter(|booking| booking.blocks_days())
        .collect();
    blocking.iter().enumerate().find_map(|(at, one)| {
        let other = blocking[at + 1..].iter().find(|other| {
            one.car_id == other.car_id && one.first() < other.end() && other.first() < one.end()
        })?;
        Some(format!(
            "{} ({}, {} to {}) and {} ({}, {} to {}) have the same car",
            one.id,
            one.status,
            one.first(),
            one.end(),
            other.id,
            other.status,
            other.first(),
            other.end()
        ))
    })
}
