//! The locks of the functions of bookings.

use super::rows::{insert_car, rows_of};
use crate::support::{
    database::{Database, call},
    fixtures::{NOW, book_and_pay, hold, order, payment_of, rental, with},
    row_locks::{LockCase, row},
};
use serde_json::json;

/// After the end of a hold that began at `NOW`.
const LAPSED: &str = "2030-01-10T12:20:00Z";

pub(super) async fn cases(db: &Database) -> Vec<LockCase> {
    let car_id = insert_car(db, "bookings").await;
    insert_car(db, "others").await;
    let service = db.service().await;
    let booking = hold(&service, "bookings", "2030-02-01", "2030-02-05", NOW).await;
    let ordered = order(&service, &booking, NOW).await;
    let upcoming = book_and_pay(&service, "others", "2030-02-01", "2030-02-05", NOW).await;
    let upcoming = row("booking", "bookings", "id", &upcoming.booking_id);
    let reference = json!({ "p_shop_reference": "test-123" });
    let lapsed = with(
        rental("others", "2030-03-01", "2030-03-05"),
        reference.clone(),
    );
    call(&service, "create_booking", lapsed).await;
    let lapsed = row("booking", "bookings", "shop_reference", "test-123");
    let same_reference = with(
        with(rental("bookings", "2030-03-01", "2030-03-05"), reference),
        json!({ "p_now": LAPSED }),
    );
    vec![
        LockCase::waits(
            "create_booking",
            rental("bookings", "2030-02-20", "2030-02-24"),
            [row("car", "cars", "id", &car_id)],
        ),
        LockCase::waits(
            "open_payment",
            payment_of(&booking, NOW),
            rows_of(&car_id, &ordered),
        ),
        LockCase::skips(
            "create_booking",
            same_reference,
            [("internal.expire_colliding_holds", lapsed.clone())],
        ),
        LockCase::skips(
            "expire_holds",
            json!({ "p_now": LAPSED }),
            [("public.expire_holds", lapsed)],
        ),
        LockCase::skips(
            "advance_bookings",
            json!({ "p_now": "2030-02-02T00:00:00Z" }),
            [("public.advance_bookings", upcoming)],
        ),
    ]
}
