//! Cached days after each event that changes them. `availability.rs` has the new booking.
//!
//! Each test caches the days first. Without the invalidation they would be a `HIT` afterwards.

use crate::support::{
    cache::{cache_status, read_until_cached},
    capture_cron::run_cron,
    checkout::{
        self, Hold, create_approved_order, create_hold, create_order, request_authorization,
    },
    client::Client,
    isolation::run_alone,
    local_system::advance_clock,
    rental::Rental,
};
use jiff::SignedDuration;

async fn new_hold(client: &Client) -> Hold {
    create_hold(client, &Rental::far_ahead(client, 2).await).await
}

/// Caches the days, and checks the first one.
async fn cache_days(hold: &Hold, status: &str) {
    let response = read_until_cached(&hold.rental.availability_path()).await;
    let days = response.expect(200);
    assert_eq!(days["availability"][0]["status"], status);
}

/// Checks that the days were invalidated, and the first one.
async fn assert_invalidated(hold: &Hold, status: &str) {
    let path = hold.rental.availability_path();
    assert_eq!(cache_status(&path).await, "MISS");
    let days = Client::new().get(&path).await.expect(200);
    assert_eq!(days["availability"][0]["status"], status);
}

#[tokio::test]
async fn order_invalidates_days_of_extended_hold() {
    run_alone(async {
        let client = Client::new();
        let hold = new_hold(&client).await;
        cache_days(&hold, "held").await;
        create_order(&client, &hold, None).await;
        assert_invalidated(&hold, "held").await;
        // The same order again extends the hold as well.
        cache_days(&hold, "held").await;
        create_order(&client, &hold, None).await;
        assert_invalidated(&hold, "held").await;
    })
    .await;
}

#[tokio::test]
async fn order_invalidates_days_of_revived_hold() {
    run_alone(async {
        let client = Client::new();
        let hold = new_hold(&client).await;
        advance_clock(SignedDuration::from_mins(20)).await;
        cache_days(&hold, "available").await;
        create_order(&client, &hold, None).await;
        assert_invalidated(&hold, "held").await;
    })
    .await;
}

#[tokio::test]
async fn authorization_invalidates_days() {
    run_alone(async {
        let client = Client::new();
        let hold = new_hold(&client).await;
        let order = create_approved_order(&client, &hold, None).await;
        cache_days(&hold, "held").await;
        request_authorization(&client, &order).await.expect(200);
        assert_invalidated(&hold, "booked").await;
    })
    .await;
}

#[tokio::test]
async fn authorization_invalidates_days_of_revived_hold() {
    run_alone(async {
        let client = Client::new();
        let hold = new_hold(&client).await;
        let order = create_approved_order(&client, &hold, None).await;
        advance_clock(SignedDuration::from_mins(20)).await;
        cache_days(&hold, "available").await;
        request_authorization(&client, &order).await.expect(200);
        assert_invalidated(&hold, "booked").await;
    })
    .await;
}

#[tokio::test]
async fn cron_invalidates_days_of_expired_hold() {
    run_alone(async {
        let client = Client::new();
        let hold = new_hold(&client).await;
        advance_clock(SignedDuration::from_mins(16)).await;
        cache_days(&hold, "available").await;
        run_cron(&client).await;
        assert_invalidated(&hold, "available").await;
        // A second run finds nothing to expire.
        cache_days(&hold, "available").await;
        run_cron(&client).await;
        let status = cache_status(&hold.rental.availability_path()).await;
        assert_eq!(status, "HIT");
    })
    .await;
}

#[tokio::test]
async fn cancellation_invalidates_days() {
    run_alone(async {
        let client = Client::new();
        let hold = new_hold(&client).await;
        cache_days(&hold, "held").await;
        checkout::cancel(&client, &hold).await;
        assert_invalidated(&hold, "available").await;
    })
    .await;
}
