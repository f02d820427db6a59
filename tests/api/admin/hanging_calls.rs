//! Calls that hang for as long as PayPal may take delay nothing that PayPal answers.

use crate::support::{
    capture_cron::{CAPTURES_PATH, results_for, run_cron},
    checkout::{self, PaidBooking, create_paid_booking},
    client::Client,
    database::{Database, edit_rows},
    environment::runs_here,
    faults::{Fault, Upstream, clear_faults, set_fault},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past, eventually},
    rental::Rental,
};
use futures_util::future::join;
use jiff::SignedDuration;
use uuid::Uuid;

const HANGS: u64 = 600_000;

async fn pay_soon(client: &Client) -> PaidBooking {
    checkout::pay(client, &Rental::soon(client, 2).await, None).await
}

/// Adds authorizations to a canceled booking that the cron has to void.
async fn add_open_voids(booking: Uuid, count: i64) {
    let added = edit_rows(
        "INSERT INTO payments (booking_id, amount, currency, status, authorization_id, authorized_at,
             authorization_expires_at, void_reason, created_at, updated_at)
         SELECT p.booking_id, p.amount, p.currency, 'authorized', 'HANGS-' || gen_random_uuid(), p.authorized_at,
             p.authorization_expires_at, 'booking_cancelled', p.created_at, p.created_at
         FROM payments AS p, generate_series(1, $2::bigint) WHERE p.booking_id = $1",
        &[&booking, &count],
    )
    .await;
    assert_eq!(added, u64::try_from(count).unwrap());
}

/// Ends the authorizations of [`add_open_voids`], which PayPal does not know.
async fn end_open_voids() {
    edit_rows(
        "UPDATE payments SET hold_ended_at = updated_at WHERE authorization_id LIKE 'HANGS-%'",
        &[],
    )
    .await;
}

async fn is_captured(database: &Database, paid: &PaidBooking) -> bool {
    database.payments(paid.hold.id).await[0]["status"] == "captured"
}

/// The other hosts read the local clock before a request, so the voids would hang there for
/// minutes.
#[tokio::test]
async fn two_hundred_hanging_voids_delay_no_capture() {
    if !runs_here("admin::hanging_calls::two_hundred_hanging_voids_delay_no_capture") {
        return;
    }
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let leftover = create_paid_booking(&client, None).await;
        set_fault(Upstream::PayPal, Fault::refuse().on_path("/void")).await;
        checkout::cancel(&client, &leftover.hold).await;
        clear_faults(Upstream::PayPal).await;
        add_open_voids(leftover.hold.id, 199).await;
        let due = pay_soon(&client).await;
        advance_clock_past(due.capture_at).await;
        set_fault(
            Upstream::PayPal,
            Fault::delay_millis(HANGS).on_path("/void"),
        )
        .await;
        let watch = async {
            eventually("the due payment is captured", 60, || async {
                is_captured(&database, &due).await.then_some(())
            })
            .await;
            // The voids that run now hang for 20 seconds. There is no time for more.
            advance_clock(SignedDuration::from_secs(185)).await;
        };
        let (run, ()) = join(run_cron(&client), watch).await;
        assert_eq!(results_for(&run, due.hold.id)[0]["success"], true, "{run}");
        clear_faults(Upstream::PayPal).await;
        end_open_voids().await;
        let last = client.get(CAPTURES_PATH).await.expect(200)["lastRun"].clone();
        assert!(last["finishedAt"].is_string(), "{last}");
        // The void is retried within one interval of the cron after its pause.
        advance_clock(SignedDuration::from_mins(15)).await;
        run_cron(&client).await;
        assert_eq!(
            checkout::cancel(&client, &leftover.hold).await["status"],
            "voided"
        );
    })
    .await;
}

#[tokio::test]
async fn hanging_capture_delays_no_other() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let (first, second) = (pay_soon(&client).await, pay_soon(&client).await);
        for paid in [&first, &second] {
            advance_clock_past(paid.capture_at).await;
        }
        let path = format!("/authorizations/{}/capture", first.authorization);
        set_fault(Upstream::PayPal, Fault::delay_millis(HANGS).on_path(path)).await;
        let watch = eventually("the second payment is captured", 15, || async {
            is_captured(&database, &second).await.then_some(())
        });
        let (run, ()) = join(run_cron(&client), watch).await;
        let success = |paid: &PaidBooking| results_for(&run, paid.hold.id)[0]["success"].clone();
        assert_eq!(
            (success(&first), success(&second)),
            (false.into(), true.into())
        );
        clear_faults(Upstream::PayPal).await;
        advance_clock(SignedDuration::from_mins(10)).await;
        let run = run_cron(&client).await;
        assert_eq!(
            results_for(&run, first.hold.id)[0]["success"],
            true,
            "{run}"
        );
    })
    .await;
}
