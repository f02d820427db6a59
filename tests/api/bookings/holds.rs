//! Expiry, extension and revival of holds.

use crate::support::{
    capture_cron,
    checkout::{self, read_booking, request_authorization, request_hold, request_order},
    client::Client,
    database::Database,
    environment::new_uuid,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::advance_clock,
    paypal::{self, exchanges_about},
    paypal_behaviour::decline_once,
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

async fn expiry(client: &Client, hold: &checkout::Hold) -> Timestamp {
    checkout::text(&read_booking(client, hold).await["holdExpiresAt"])
        .parse()
        .unwrap()
}

#[tokio::test]
async fn unpaid_hold_expires_and_frees_days() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
        advance_clock(SignedDuration::from_mins(14)).await;
        assert_eq!(
            read_booking(&client, &hold).await["status"],
            "pending_payment"
        );
        advance_clock(SignedDuration::from_mins(2)).await;
        assert_eq!(read_booking(&client, &hold).await["status"], "expired");
        let availability = client
            .get(&hold.rental.availability_path())
            .await
            .expect(200);
        assert_eq!(availability["bookable"], true);
        let next = checkout::create_hold(&client, &hold.rental).await;
        assert_ne!(next.id, hold.id);
    })
    .await;
}

#[tokio::test]
async fn cron_records_expired_holds() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let is_expired = "SELECT count(*) FROM bookings WHERE id = $1 AND status = 'expired'";
        capture_cron::run_cron(&client).await;
        assert_eq!(database.number(is_expired, &[&hold.id]).await, 0);
        advance_clock(SignedDuration::from_mins(16)).await;
        capture_cron::run_cron(&client).await;
        assert_eq!(database.number(is_expired, &[&hold.id]).await, 1);
    })
    .await;
}

#[tokio::test]
async fn order_extends_hold() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let first = expiry(&client, &hold).await;
        advance_clock(SignedDuration::from_mins(10)).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        let later = expiry(&client, &hold).await;
        assert!(
            later.duration_since(first) >= SignedDuration::from_mins(9),
            "{first} {later}"
        );
        advance_clock(SignedDuration::from_mins(14)).await;
        assert_eq!(
            request_hold(&client, &hold.rental)
                .await
                .expect_problem(409, "dates_unavailable")["retryable"],
            false
        );
        request_authorization(&client, &order).await.expect(200);
    })
    .await;
}

/// Otherwise a customer could block a car by repeated orders.
#[tokio::test]
async fn hold_lasts_one_hour_at_most() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let created_at = expiry(&client, &hold).await - SignedDuration::from_mins(15);
        for _ in 0..5 {
            advance_clock(SignedDuration::from_mins(11)).await;
            checkout::create_order(&client, &hold, None).await;
        }
        let duration = expiry(&client, &hold).await.duration_since(created_at);
        assert!(duration <= SignedDuration::from_mins(60), "{duration}");
        assert!(duration >= SignedDuration::from_mins(59), "{duration}");
        advance_clock(SignedDuration::from_mins(6)).await;
        for _ in 0..3 {
            request_order(&client, &hold, None)
                .await
                .expect_problem(409, "hold_expired");
            assert_eq!(read_booking(&client, &hold).await["status"], "expired");
            advance_clock(SignedDuration::from_mins(5)).await;
        }
        request_hold(&client, &hold.rental).await.expect(201);
        request_order(&client, &hold, None)
            .await
            .expect_problem(409, "dates_unavailable");
    })
    .await;
}

/// Nor by an order that nobody approves.
#[tokio::test]
async fn unapproved_order_holds_days_for_one_hour() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_order(&client, &hold, None).await;
        for _ in 0..4 {
            request_authorization(&client, &order)
                .await
                .expect_problem(409, "order_not_approved");
            advance_clock(SignedDuration::from_mins(14)).await;
        }
        advance_clock(SignedDuration::from_mins(5)).await;
        let attempts = "SELECT count(*) FROM payment_operations AS o
                        JOIN payments AS p ON p.id = o.payment_id
                        WHERE p.booking_id = $1 AND o.operation = 'authorize'";
        let before = database.number(attempts, &[&hold.id]).await;
        for _ in 0..5 {
            request_authorization(&client, &order)
                .await
                .expect_problem(409, "hold_expired");
            assert_eq!(read_booking(&client, &hold).await["status"], "expired");
            advance_clock(SignedDuration::from_mins(14)).await;
        }
        assert_eq!(database.number(attempts, &[&hold.id]).await, before);
        let exchanges = exchanges_about(&database, hold.id).await;
        assert_eq!(exchanges.of("orders.authorize").len(), 4);
        request_hold(&client, &hold.rental).await.expect(201);
    })
    .await;
}

/// The payer needed longer than the hold, and nobody else took the days.
#[tokio::test]
async fn approved_order_revives_hold_after_the_hour() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_mins(150)).await;
        paypal::approve(&order.approve_url).await;
        request_order(&client, &hold, None)
            .await
            .expect_problem(409, "hold_expired");
        set_fault(Upstream::PayPal, Fault::refuse()).await;
        request_authorization(&client, &order)
            .await
            .expect_problem(503, "payment_provider_unavailable");
        assert_eq!(read_booking(&client, &hold).await["status"], "expired");
        clear_faults(Upstream::PayPal).await;
        request_authorization(&client, &order).await.expect(200);
        assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");
    })
    .await;
}

#[tokio::test]
async fn lapsed_shop_reference_is_free_again() {
    run_alone(async {
        let client = Client::new();
        let rental = Rental::far_ahead(&client, 2).await;
        let mut body = rental.body();
        body["bookingId"] = json!(format!("ref-{}", new_uuid()));
        let post = async || {
            let path = "/api/bookings/create-paypal-order";
            client
                .with_new_address()
                .post(path, &body)
                .await
                .expect(201)
        };
        let first = post().await;
        advance_clock(SignedDuration::from_mins(40)).await;
        assert_eq!(
            post().await["orderID"],
            first["orderID"],
            "within the hour it is revived"
        );
        advance_clock(SignedDuration::from_mins(30)).await;
        let second = post().await;
        assert_ne!(second["bookingId"], first["bookingId"]);
        assert!(second["bookingToken"].is_string(), "{second}");
    })
    .await;
}

#[tokio::test]
async fn payment_revives_expired_hold() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        advance_clock(SignedDuration::from_mins(20)).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        assert_eq!(
            read_booking(&client, &hold).await["status"],
            "pending_payment"
        );
        request_hold(&client, &hold.rental)
            .await
            .expect_problem(409, "dates_unavailable");
        // The hold expires again between approval and authorization.
        advance_clock(SignedDuration::from_mins(20)).await;
        assert_eq!(read_booking(&client, &hold).await["status"], "expired");
        request_authorization(&client, &order).await.expect(200);
        assert_eq!(read_booking(&client, &hold).await["status"], "upcoming");
        assert_eq!(database.live_bookings(&hold.rental).await, 1);
    })
    .await;
}

#[tokio::test]
async fn late_payer_of_rebooked_days_not_charged() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let late = checkout::create_hold(&client, &Rental::far_ahead(&client, 3).await).await;
        let order = checkout::create_approved_order(&client, &late, None).await;
        advance_clock(SignedDuration::from_mins(16)).await;
        let next = checkout::create_hold(&client, &late.rental).await;

        request_authorization(&client, &order)
            .await
            .expect_problem(409, "dates_unavailable");
        request_order(&client, &late, None)
            .await
            .expect_problem(409, "dates_unavailable");
        assert_eq!(
            exchanges_about(&database, late.id)
                .await
                .of("orders.authorize")
                .len(),
            0
        );
        let booking = read_booking(&client, &late).await;
        assert_eq!(booking["status"], "expired");
        assert_eq!(booking["payment"]["authorizationId"], Value::Null);

        let order = checkout::create_approved_order(&client, &next, None).await;
        request_authorization(&client, &order).await.expect(200);
        assert_eq!(database.live_bookings(&late.rental).await, 1);
    })
    .await;
}

/// A price is valid for a day. Then the customer must book again.
#[tokio::test]
async fn day_old_hold_cannot_be_paid() {
    run_alone(async {
        let client = Client::new();
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::create_approved_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_hours(25)).await;
        request_order(&client, &hold, None)
            .await
            .expect_problem(409, "hold_expired");
        request_authorization(&client, &order)
            .await
            .expect_problem(409, "hold_expired");
        assert_eq!(
            request_hold(&client, &hold.rental).await.expect(201)["status"],
            json!("pending_payment")
        );
    })
    .await;
}

/// The payer can approve an order for three hours. A later call creates a new order.
#[tokio::test]
async fn old_order_is_replaced() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::create_hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let old = checkout::create_approved_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_mins(170)).await;
        decline_once(&old.id, "INSTRUMENT_DECLINED").await;
        request_authorization(&client, &old)
            .await
            .expect_problem(402, "payment_declined");
        advance_clock(SignedDuration::from_mins(12)).await;
        let new = checkout::create_approved_order(&client, &hold, None).await;
        assert_ne!(new.id, old.id);
        request_authorization(&client, &old)
            .await
            .expect_problem(409, "order_ended");
        request_authorization(&client, &new).await.expect(200);
        assert_eq!(
            exchanges_about(&database, hold.id)
                .await
                .effects("orders.authorize"),
            1
        );
        assert_eq!(database.payments(hold.id).await.len(), 1);
    })
    .await;
}
