//! The cars of the simulation: three cars of the seed data with different turnarounds and time
//! zones.

use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Car {
    pub(crate) slug: &'static str,
    pub(crate) id: Uuid,
    /// The shortest and the longest rental, in days.
    pub(crate) days: (u64, u64),
    /// The days of preparation after each rental.
    pub(crate) turnaround: i64,
}

const fn car(slug: &'static str, number: u128, days: (u64, u64), turnaround: i64) -> Car {
    Car {
        slug,
        id: Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0000 + number),
        days,
        turnaround,
    }
}

/// UTC with one day of turnaround, New York with none, Berlin with two.
pub(crate) static CARS: [Car; 3] = [
    car("test-car-id", 0x01, (1, 30), 1),
    car("123", 0x02, (1, 21), 0),
    car("porsche-911-gt3-rs", 0x09, (1, 10), 2),
];

/// The days of preparation after each rental of a car.
pub(crate) fn turnaround_of(car: Uuid) -> i64 {
    let car = CARS.iter().find(|it| it.id == car);
    car.expect("a car of the simulation").turnaround
}

/// `name` is a slug or an id.
pub(crate) fn id_of(name: &str) -> Uuid {
    CARS.iter()
        .find(|car| car.slug == name || car.id.to_string() == name)
        .unwrap_or_else(|| panic!("{name} is not a car of the simulation"))
        .id
}
