//! What becomes of a hold as time passes.

use crate::support::{
    capture_cron,
    checkout::{self, ask_for_hold, ask_for_order, ask_to_authorize, read_back},
    client::Client,
    database::Database,
    isolation::alone,
    local_system::pass,
    paypal::exchanges_about,
    rental::Rental,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

async fn held_until(client: &Client, hold: &checkout::Hold) -> Timestamp {
    checkout::text(&read_back(client, hold).await["holdExpiresAt"])
        .parse()
        .unwrap()
}

#[tokio::test]
async fn an_unpaid_hold_lapses_and_its_days_are_free_again() {
    alone(async {
        let client = Client::new();
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 3).await).await;
        pass(SignedDuration::from_mins(14)).await;
        assert_eq!(read_back(&client, &hold).await["status"], "pending_payment");
        pass(SignedDuration::from_mins(2)).await;
        assert_eq!(read_back(&client, &hold).await["status"], "expired");
        let availability = client.get(&hold.rental.availability()).await.expect(200);
        assert_eq!(availability["bookable"], true);
        let next = checkout::hold(&client, &hold.rental).await;
        assert_ne!(next.id, hold.id);
    })
    .await;
}

#[tokio::test]
async fn the_cron_ends_holds_that_lapsed() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let is_expired = "SELECT count(*) FROM bookings WHERE id = $1 AND status = 'expired'";
        capture_cron::run_cron(&client).await;
        assert_eq!(database.number(is_expired, &[&hold.id]).await, 0);
        pass(SignedDuration::from_mins(16)).await;
        capture_cron::run_cron(&client).await;
        assert_eq!(database.number(is_expired, &[&hold.id]).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_hold_does_not_lapse_while_the_customer_pays() {
    alone(async {
        let client = Client::new();
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let first = held_until(&client, &hold).await;
        pass(SignedDuration::from_mins(10)).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        let later = held_until(&client, &hold).await;
        assert!(
            later.duration_since(first) >= SignedDuration::from_mins(9),
            "{first} {later}"
        );
        pass(SignedDuration::from_mins(14)).await;
        assert_eq!(
            ask_for_hold(&client, &hold.rental)
                .await
                .problem(409, "dates_unavailable")["retryable"],
            false
        );
        ask_to_authorize(&client, &order).await.expect(200);
    })
    .await;
}

/// A customer who keeps asking for orders may not block a car for ever.
#[tokio::test]
async fn a_hold_is_kept_alive_for_an_hour_at_most() {
    alone(async {
        let client = Client::new();
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let made = held_until(&client, &hold).await - SignedDuration::from_mins(15);
        for _ in 0..5 {
            pass(SignedDuration::from_mins(11)).await;
            checkout::order(&client, &hold, None).await;
        }
        let kept = held_until(&client, &hold).await.duration_since(made);
        assert!(kept <= SignedDuration::from_mins(60), "{kept}");
        assert!(kept >= SignedDuration::from_mins(59), "{kept}");
    })
    .await;
}

#[tokio::test]
async fn a_lapsed_hold_is_revived_when_the_customer_goes_on_to_pay() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        pass(SignedDuration::from_mins(20)).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        assert_eq!(read_back(&client, &hold).await["status"], "pending_payment");
        ask_for_hold(&client, &hold.rental)
            .await
            .problem(409, "dates_unavailable");
        // Once more between the approval and the authorization.
        pass(SignedDuration::from_mins(20)).await;
        assert_eq!(read_back(&client, &hold).await["status"], "expired");
        ask_to_authorize(&client, &order).await.expect(200);
        assert_eq!(read_back(&client, &hold).await["status"], "upcoming");
        assert_eq!(database.live_bookings(&hold.rental).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_payer_who_comes_after_somebody_took_the_days_is_not_charged() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let late = checkout::hold(&client, &Rental::far_ahead(&client, 3).await).await;
        let order = checkout::approved_order(&client, &late, None).await;
        pass(SignedDuration::from_mins(16)).await;
        let next = checkout::hold(&client, &late.rental).await;

        ask_to_authorize(&client, &order)
            .await
            .problem(409, "dates_unavailable");
        ask_for_order(&client, &late, None)
            .await
            .problem(409, "dates_unavailable");
        assert_eq!(
            exchanges_about(&database, late.id)
                .await
                .of("orders.authorize")
                .len(),
            0
        );
        let booking = read_back(&client, &late).await;
        assert_eq!(booking["status"], "expired");
        assert_eq!(booking["payment"]["authorizationId"], Value::Null);

        let order = checkout::approved_order(&client, &next, None).await;
        ask_to_authorize(&client, &order).await.expect(200);
        assert_eq!(database.live_bookings(&late.rental).await, 1);
    })
    .await;
}

/// A price is kept for a day; then the customer books again.
#[tokio::test]
async fn a_hold_from_yesterday_cannot_be_paid() {
    alone(async {
        let client = Client::new();
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        pass(SignedDuration::from_hours(25)).await;
        ask_for_order(&client, &hold, None)
            .await
            .problem(409, "booking_not_payable");
        ask_to_authorize(&client, &order)
            .await
            .problem(409, "booking_not_payable");
        assert_eq!(
            ask_for_hold(&client, &hold.rental).await.expect(201)["status"],
            json!("pending_payment")
        );
    })
    .await;
}

/// PayPal sends the payer to an order for three hours; after that a new one is made, and the old one pays nothing.
#[tokio::test]
async fn an_order_that_is_too_old_is_replaced() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let old = checkout::order(&client, &hold, None).await;
        pass(SignedDuration::from_mins(181)).await;
        let new = checkout::approved_order(&client, &hold, None).await;
        assert_ne!(new.id, old.id);
        ask_to_authorize(&client, &old)
            .await
            .problem(409, "order_not_approved");
        ask_to_authorize(&client, &new).await.expect(200);
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
