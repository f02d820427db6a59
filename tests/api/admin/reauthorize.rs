//! `POST /api/admin/bookings/{id}/reauthorize`.

use crate::support::{
    cancellation::refund_body,
    capture_cron::{results_for, run_cron},
    checkout::{self, create_paid_booking, read_payment},
    client::{Client, Response},
    database::Database,
    faults::{Fault, Upstream, clear_faults, set_fault},
    instance::{Instance, as_operator, post, random_ip},
    isolation::run_alone,
    local_system::{advance_clock, advance_clock_past, now},
    operator::{self, post_action, request_capture, request_reauthorization},
    paypal::exchanges_about,
    paypal_dashboard::read_paypal_order,
    rental::Rental,
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// An interrupted reauthorization must not make the cron capture.
#[tokio::test]
async fn interrupted_reauthorization_captures_nothing_early() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        advance_clock(SignedDuration::from_hours(73)).await;
        let lost_claim = Fault::drop_response().on_path("rpc/claim_reauthorization");
        set_fault(Upstream::Database, lost_claim).await;
        request_reauthorization(&client, &paid)
            .await
            .expect_problem(503, "database_unavailable");
        clear_faults(Upstream::Database).await;
        advance_clock(SignedDuration::from_mins(16)).await;
        let run = run_cron(&client).await;
        assert_eq!(results_for(&run, paid.hold.id), Vec::<Value>::new());
        request_capture(&client, &paid).await.expect(200);
    })
    .await;
}

/// PayPal reauthorizes once, from the fourth day on.
#[tokio::test]
async fn new_authorization_is_captured() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        let refused = request_reauthorization(&client, &paid).await;
        let refused = refused.expect_problem(502, "payment_provider_refused");
        assert_eq!(
            refused["detail"],
            "PayPal answered REAUTHORIZATION_TOO_SOON."
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "authorized");

        advance_clock(SignedDuration::from_hours(73)).await;
        let response = request_reauthorization(&client, &paid).await;
        let new_id = checkout::text(&response.expect(200)["authorizationId"]);
        assert_ne!(new_id, paid.authorization);
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            (&shown["status"], &shown["authorizationId"]),
            (&json!("authorized"), &json!(new_id))
        );
        request_reauthorization(&client, &paid)
            .await
            .expect_problem(502, "payment_provider_refused");
        let audited =
            operator::audit_entries_for_action(&client, paid.hold.id, "reauthorization.ordered")
                .await;
        assert_eq!(audited.len(), 3);
        assert_eq!(audited[1]["actor"], operator::OPERATOR);
        assert_eq!(audited[1]["requestId"], response.header("x-request-id"));

        request_capture(&client, &paid).await.expect(200);
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        let paths: Vec<&Value> = exchanges
            .of("authorizations.capture")
            .iter()
            .map(|exchange| &exchange["path"])
            .collect();
        assert_eq!(
            paths,
            [&format!("/v2/payments/authorizations/{new_id}/capture")]
        );
        assert_eq!(exchanges.effects("authorizations.reauthorize"), 1);
        assert_eq!(
            read_paypal_order(&paid.order.id).await.captures(),
            [paid.hold.price.as_str()]
        );
    })
    .await;
}

/// A reauthorization itself cannot be voided, so the original authorization is.
#[tokio::test]
async fn reauthorized_payment_can_be_voided() {
    run_alone(async {
        let (client, database) = (Client::new(), Database::open().await);
        let paid = create_paid_booking(&client, None).await;
        advance_clock(SignedDuration::from_hours(73)).await;
        request_reauthorization(&client, &paid).await.expect(200);
        let response = post_action(&client, paid.hold.id, "void", &json!({})).await;
        let refund = response.expect(200)["refund"].clone();
        assert_eq!(
            refund,
            refund_body(&paid.hold, 100, &paid.hold.price, "voided")
        );
        assert_eq!(
            read_paypal_order(&paid.order.id).await.authorizations(),
            ["VOIDED", "VOIDED"]
        );
        assert_eq!(read_payment(&client, &paid).await["status"], "voided");
        let exchanges = exchanges_about(&database, paid.hold.id).await;
        assert_eq!(exchanges.of("authorizations.void").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn concurrent_reauthorizations_are_one() {
    run_alone(async {
        let client = Client::new();
        let paid = create_paid_booking(&client, None).await;
        advance_clock(SignedDuration::from_hours(73)).await;
        let instance = Instance::start(now().await, &[]);
        instance.hold_calls("/reauthorize");
        let path = operator::action_path(paid.hold.id, "reauthorize");
        let mut responses: FuturesUnordered<_> = (0..3)
            .map(|_| instance.respond(random_ip(), as_operator(post(&path, &json!({})))))
            .collect();
        // The call to PayPal ends only after both other responses.
        for _ in 0..2 {
            let refused = Response::from(responses.next().await.unwrap());
            refused.expect_problem(409, "payment_in_progress");
            refused.retry_after();
        }
        instance.release_calls();
        let accepted = Response::from(responses.next().await.unwrap());
        let shown = read_payment(&client, &paid).await;
        assert_eq!(
            shown["authorizationId"],
            accepted.expect(200)["authorizationId"]
        );
        assert_eq!(
            read_paypal_order(&paid.order.id)
                .await
                .authorizations()
                .len(),
            2
        );
    })
    .await;
}

/// The new id must not be lost, because PayPal honors only its funds.
#[tokio::test]
async fn operator_or_cron_finds_lost_reauthorization() {
    for (upstream, fault, path) in [
        (Upstream::PayPal, Fault::drop_response(), "/reauthorize"),
        (
            Upstream::Database,
            Fault::refuse(),
            "rpc/record_reauthorization",
        ),
        (
            Upstream::Database,
            Fault::drop_response(),
            "rpc/record_reauthorization",
        ),
    ] {
        for next in ["operator", "cron"] {
            run_alone(async {
                let (client, database) = (Client::new(), Database::open().await);
                // The capture is due while PayPal honors the reauthorized funds.
                let rental = Rental::between(&client, 2, 6, 7).await;
                let paid = checkout::pay(&client, &rental, Some("SIMULATE_FUNDS_LAPSE")).await;
                advance_clock(SignedDuration::from_hours(73)).await;
                set_fault(upstream, fault.on_path(path)).await;
                let response = request_reauthorization(&client, &paid).await;
                assert_eq!(response.status, 503, "{fault} of {path}: {response}");
                clear_faults(upstream).await;
                if next == "cron" {
                    advance_clock_past(paid.capture_at).await;
                    let run = run_cron(&client).await;
                    assert_eq!(results_for(&run, paid.hold.id)[0]["success"], true, "{run}");
                } else {
                    request_capture(&client, &paid).await.expect(200);
                }
                let exchanges = exchanges_about(&database, paid.hold.id).await;
                assert_eq!(
                    exchanges.effects("authorizations.reauthorize"),
                    1,
                    "{fault} of {path}, {next}"
                );
                assert_eq!(
                    read_paypal_order(&paid.order.id).await.captures(),
                    [paid.hold.price.as_str()]
                );
                assert_eq!(database.open_operations(paid.hold.id).await, 0);
            })
            .await;
        }
    }
}
