//! Cancellations that meet each other, a payment, or the cron.

use crate::support::{
    cancellation::{parts, told},
    capture_cron::{results_of, run_cron},
    checkout::{self, ask_to_authorize, ask_to_cancel, cancel, pay_and_wait, read_back},
    client::Client,
    database::Database,
    isolation::alone,
    local_system::{eventually, fault, no_faults, pass_until},
    operator::{self, captured_now},
    paypal::exchanges_about,
    paypal_dashboard::books_of,
    rental::Rental,
};
use futures_util::future::{join, join_all};
use serde_json::json;

/// Whoever is not first may be told that it is still under way, but never another amount.
#[tokio::test]
async fn five_cancellations_at_once_are_one() {
    for (days, percent, is_captured) in [(8, 100, false), (3, 50, false), (3, 50, true)] {
        alone(async move {
            let (client, database) = (Client::new(), Database::open().await);
            let paid = pay_and_wait(&client, days, None).await;
            if is_captured {
                captured_now(&client, &paid).await;
            }
            let (back, kept) = parts(&paid.hold.price, percent);
            let status = if is_captured { "refunded" } else { "voided" };
            let final_answer = told(&paid.hold, percent, &back, status);
            let pending = told(&paid.hold, percent, &back, "pending");
            let at_once = (0..5).map(|_| cancel(&client, &paid.hold));
            let answers = join_all(at_once).await;
            assert!(answers.contains(&final_answer), "{answers:?}");
            assert!(
                answers
                    .iter()
                    .all(|told| *told == final_answer || *told == pending),
                "{answers:?}"
            );
            assert_eq!(cancel(&client, &paid.hold).await, final_answer);

            let books = books_of(&paid.order.id).await;
            let exchanges = exchanges_about(&database, paid.hold.id).await;
            assert!(exchanges.request_ids("authorizations.void").len() <= 1);
            let (captures, refunds) = match (percent, is_captured) {
                (100, _) => (vec![], vec![]),
                (_, false) => (vec![kept], vec![]),
                (_, true) => (vec![paid.hold.price.clone()], vec![back]),
            };
            assert_eq!((books.captures(), books.refunds()), (captures, refunds));
            assert_eq!(
                operator::audited(&client, paid.hold.id, "booking.cancelled")
                    .await
                    .len(),
                1
            );
        })
        .await;
    }
}

/// The payer's money is held and the customer gives up, both at the same moment.
#[tokio::test]
async fn who_cancels_while_paying_is_not_charged() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let hold = checkout::hold(&client, &Rental::far_ahead(&client, 2).await).await;
        let order = checkout::approved_order(&client, &hold, None).await;
        let slow = json!({"kind": "delay", "delayMs": 1500, "path": "/authorize"});
        fault("paypal", slow).await;
        let cancelled = async {
            eventually("the payment is being made", 5, || async {
                let operations = "SELECT count(*) FROM payment_operations AS o
                                  JOIN payments AS p ON p.id = o.payment_id
                                  WHERE p.booking_id = $1 AND o.operation = 'authorize'";
                (database.number(operations, &[&hold.id]).await == 1).then_some(())
            })
            .await;
            cancel(&client, &hold).await
        };
        let (authorized, refund) = join(ask_to_authorize(&client, &order), cancelled).await;
        authorized.problem(409, "booking_not_payable");
        assert_eq!(refund, told(&hold, 100, "0.00", "none"));
        no_faults("paypal").await;

        assert_eq!(books_of(&order.id).await.authorizations(), ["VOIDED"]);
        let booking = read_back(&client, &hold).await;
        assert_eq!(booking["status"], "cancelled");
        assert_eq!(booking["payment"]["status"], "voided");
        assert_eq!(database.open_operations(hold.id).await, 0);
    })
    .await;
}

#[tokio::test]
async fn who_cancels_while_the_money_is_taken_is_told_to_come_back() {
    alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = checkout::pay(&client, &Rental::soon(&client, 2).await, None).await;
        pass_until(paid.capture_at).await;
        let capture = format!("{}/capture", paid.authorization);
        fault(
            "paypal",
            json!({"kind": "delay", "delayMs": 2000, "path": capture}),
        )
        .await;
        let refused = async {
            eventually("the money is being taken", 5, || async {
                let payment = read_back(&client, &paid.hold).await["payment"].clone();
                (payment["status"] == "capturing").then_some(())
            })
            .await;
            ask_to_cancel(&client, &paid.hold.token, paid.hold.id).await
        };
        let (run, answer) = join(run_cron(&client), refused).await;
        assert_eq!(
            answer.problem(409, "payment_in_progress")["retryable"],
            true
        );
        answer.retry_after();
        assert_eq!(
            results_of(&run, paid.hold.id)[0]["success"],
            true,
            "the capture is not disturbed: {run}"
        );
        no_faults("paypal").await;
        assert_eq!(read_back(&client, &paid.hold).await["status"], "upcoming");

        // By now the policy gives nothing back.
        let refund = cancel(&client, &paid.hold).await;
        assert_eq!(refund, told(&paid.hold, 0, "0.00", "none"));
        assert_eq!(
            books_of(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
        assert_eq!(
            exchanges_about(&database, paid.hold.id)
                .await
                .of("authorizations.capture")
                .len(),
            1
        );
    })
    .await;
}
