//! The audit log, as operators read it: `list_audit`.

use crate::support::{
    cancellation::{by_operator, cancel},
    capture::capture_payment,
    database::{Database, call, with_database},
    fixtures::{Car, NOW, book_and_pay, upcoming_booking},
};
use serde_json::{Value, json};

#[tokio::test]
async fn audit_log_is_filtered_newest_first() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let service = db.service().await;
        let booking = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", NOW).await;
        capture_payment(&service, &booking, NOW).await;
        cancel(&service, by_operator(&booking.booking_id, "2030-01-10T12:01:00Z")).await;
        let other = book_and_pay(&service, "plain", "2030-01-20", "2030-01-24", "2030-01-10T12:02:00Z").await;
        let before = db.content().await;
        let list = async |filter: Value| call(&service, "list_audit", filter).await;
        let actions = async |filter: Value| -> String {
            let entries = list(filter).await["entries"].clone();
            let action = |entry: &Value| entry["action"].as_str().unwrap().to_owned();
            let is_price = |action: &String| ["price.added", "fee.added", "pricing_rule.added"].contains(&action.as_str());
            entries.as_array().unwrap().iter().map(action).filter(|action| !is_price(action)).collect::<Vec<_>>().join(" ")
        };
        let first_actions = "booking.cancelled refund.ordered payment.captured capture.completed payment.capturing capture.ordered payment.authorized";
        assert_eq!(actions(json!({})).await, format!("payment.authorized {first_actions}"));
        assert_eq!(actions(json!({ "p_subject": booking.booking_id })).await, first_actions);
        assert_eq!(actions(json!({ "p_subject": booking.payment_id })).await, first_actions.trim_start_matches("booking.cancelled "));
        assert_eq!(actions(json!({ "p_subject": other.booking_id })).await, "payment.authorized");
        assert_eq!(actions(json!({ "p_action": "payment.authorized" })).await, "payment.authorized payment.authorized");
        assert_eq!(actions(json!({ "p_actor": "operator:1" })).await, "booking.cancelled refund.ordered capture.ordered");
        assert_eq!(actions(json!({ "p_actor": "operator:1", "p_action": "capture.ordered", "p_subject": booking.booking_id })).await, "capture.ordered");
        assert_eq!(actions(json!({ "p_actor": "operator:2" })).await, "");
        assert_eq!(actions(json!({ "p_request_id": "req-1" })).await, "booking.cancelled");
        assert_eq!(actions(json!({ "p_request_id": "req-1", "p_subject": other.booking_id })).await, "");
        assert_eq!(actions(json!({ "p_page": 2, "p_limit": 4 })).await, "capture.completed payment.capturing capture.ordered payment.authorized");

        let result = list(json!({ "p_action": "booking.cancelled" })).await;
        let id = result["entries"][0]["id"].clone();
        assert_eq!(result, json!({
            "success": true,
            "entries": [{
                "id": id, "occurredAt": "2030-01-10T12:01:00Z", "actor": "operator:1", "action": "booking.cancelled", "subjectType": "booking",
                "subjectId": booking.booking_id, "requestId": "req-1", "detail": { "percent": 100, "settlement": "refund", "amount": "237.60" },
            }],
            "next": null,
            "keptSince": result["keptSince"],
            "pagination": { "page": 1, "limit": 50, "total": 1, "totalPages": 1, "hasNext": false, "hasPrev": false, "totalIsMinimum": false },
        }));
        let made = db.value("SELECT to_char(min(applied_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM schema_migrations").await;
        assert_eq!(result["keptSince"], json!(made));
        assert_eq!(db.content().await, before);
    })
    .await;
}

/// The audit rows about money in short: actor, action and amounts.
async fn money_log(db: &Database) -> String {
    let words = [
        "from",
        "amount",
        "capturedBefore",
        "captured",
        "refundedBefore",
        "refunded",
        "amountBefore",
        "captureId",
        "paypalRefundId",
        "failureCode",
    ];
    let words: Vec<_> = words
        .iter()
        .map(|word| format!("'{word}=' || (detail ->> '{word}')"))
        .collect();
    let sql = format!(
        "SELECT string_agg(concat_ws(' ', actor, action, to_char(occurred_at AT TIME ZONE 'UTC', 'DD'), {}), E'\\n' ORDER BY id)
         FROM audit_log WHERE subject_type = 'payment' AND action ~ '^(payment|capture|refund)[.]' AND action <> 'capture.ordered'
           AND detail ->> 'currency' = 'USD' AND detail ->> 'bookingId' IS NOT NULL",
        words.join(", ")
    );
    db.value(&sql).await.unwrap_or_default()
}

#[tokio::test]
async fn each_movement_of_money_is_audited_with_amount() {
    with_database(|db| async move {
        let (service, booking) = upcoming_booking(&db).await;
        let id = &booking.payment_id;
        let rows = async |sql: &str| {
            let before = money_log(&db).await;
            db.run(&sql.replace("$id", id)).await;
            let after = money_log(&db).await;
            after.strip_prefix(&before).unwrap().trim_start_matches('\n').to_owned()
        };
        assert_eq!(money_log(&db).await, "system payment.authorized 10 from=created amount=237.60");
        // A capture of ours, and another in PayPal's console.
        db.run(&format!("INSERT INTO payment_operations (request_id, payment_id, operation, seq, status, in_doubt, result_id, started_at, finished_at)
                         VALUES ('{id}:capture:1', '{id}', 'capture', 1, 'succeeded', false, 'C-1', '{NOW}', '{NOW}')")).await;
        let capture = |capture: &str, amount: &str, status: &str, day: u32| {
            format!("INSERT INTO payment_captures VALUES ('{capture}', '$id', {amount}, '{status}', '2030-01-{day}', '2030-01-{day}')")
        };
        assert_eq!(rows(&capture("C-1", "100", "pending", 11)).await, "system capture.pending 11 amount=100.00 captureId=C-1");
        assert_eq!(
            rows("UPDATE payment_captures SET status = 'completed', updated_at = '2030-01-12'").await,
            "system capture.completed 12 from=pending amount=100.00 captureId=C-1"
        );
        assert_eq!(rows(&capture("C-2", "50", "completed", 13)).await, "paypal capture.completed 13 amount=50.00 captureId=C-2");
        assert_eq!(
            rows("UPDATE payments SET status = 'captured', capture_id = 'C-1', captured_at = '2030-01-12', captured_amount = 100, updated_at = '2030-01-12'").await,
            "system payment.captured 12 from=authorized amount=237.60 capturedBefore=0 captured=100.00 refunded=0.00 captureId=C-1"
        );
        assert_eq!(
            rows("UPDATE payments SET captured_amount = 150, updated_at = '2030-01-13'").await,
            "system payment.amounts_changed 13 from=captured amount=237.60 capturedBefore=100.00 captured=150.00 refunded=0.00 captureId=C-1"
        );
        // Two refunds in the console. The second does not change the state.
        for (refund, amount, total, before) in [("R-1", "40.00", "40.00", "0.00"), ("R-2", "20.00", "60.00", "40.00")] {
            let insert = format!("INSERT INTO refunds (payment_id, amount, idempotency_key, actor, status, paypal_refund_id, capture_id, ordered_at, finished_at)
                                  VALUES ('$id', {amount}, 'paypal:{refund}', 'paypal', 'refunded', '{refund}', 'C-2', '2030-01-14', '2030-01-14')");
            assert_eq!(rows(&insert).await, format!("paypal refund.refunded 14 amount={amount} captureId=C-2 paypalRefundId={refund}"));
            let update = format!("UPDATE payments SET status = 'partially_refunded', refunded_amount = {total}, updated_at = '2030-01-14'");
            let (action, from) = if total == "40.00" { ("payment.partially_refunded", "captured") } else { ("payment.amounts_changed", "partially_refunded") };
            assert_eq!(
                rows(&update).await,
                format!("system {action} 14 from={from} amount=237.60 captured=150.00 refundedBefore={before} refunded={total} captureId=C-1")
            );
        }
        // A refund of ours, from its order to its failure.
        let insert = "INSERT INTO refunds (payment_id, capture_id, amount, idempotency_key, actor, reason, ordered_at) VALUES ('$id', 'C-1', 30, 'cancellation', 'customer', 'x', '2030-01-15')";
        assert_eq!(rows(insert).await, "customer refund.ordered 15 amount=30.00 captureId=C-1");
        let pending = "UPDATE refunds SET status = 'pending', pending_since = '2030-01-16', paypal_refund_id = 'R-3' WHERE actor = 'customer'";
        assert_eq!(rows(pending).await, "customer refund.pending 16 from=ordered amount=30.00 captureId=C-1 paypalRefundId=R-3");
        let refused = "UPDATE refunds SET status = 'refused', finished_at = '2030-01-17', failure_code = 'CANCELLED' WHERE actor = 'customer'";
        assert_eq!(rows(refused).await, "customer refund.refused 17 from=pending amount=30.00 captureId=C-1 paypalRefundId=R-3 failureCode=CANCELLED");
        assert_eq!(rows("UPDATE refunds SET attempts = attempts + 1; UPDATE payments SET attempts = 1; UPDATE payment_captures SET updated_at = now()").await, "");
        drop(service);
    })
    .await;
}

#[tokio::test]
async fn prices_and_rules_are_audited() {
    with_database(|db| async move {
        Car::default().insert(&db).await;
        let changes = async |sql: &str| {
            let before = db.value("SELECT max(id) FROM audit_log").await.unwrap();
            db.run(sql).await;
            let log = format!("SELECT string_agg(concat_ws(' ', actor, action, subject_type), ', ' ORDER BY id) FROM audit_log WHERE id > {before}");
            db.value(&log).await.unwrap_or_default().replace("database:postgres", "db")
        };
        for (table, action, change) in [
            ("car_pricing", "price", "base_price_per_day = 60"),
            ("car_fees", "fee", "amount = 1"),
            ("pricing_rules", "pricing_rule", "percent = 11"),
            ("payment_capture_rules", "capture_rule", "active = false"),
            ("cancellation_rules", "cancellation_rule", "refund_percent = 1"),
        ] {
            let row = format!("ctid = (SELECT min(ctid) FROM {table})");
            assert_eq!(changes(&format!("UPDATE {table} SET {change} WHERE {row}")).await, format!("db {action}.changed {action}"));
            assert_eq!(changes(&format!("DELETE FROM {table} WHERE {row}")).await, format!("db {action}.removed {action}"));
        }
        let entry = "action = 'price.changed' AND detail #>> '{before,base_price_per_day}' = '50.00' AND detail #>> '{after,base_price_per_day}' = '60.00'
                     AND detail ->> 'carId' = subject_id";
        assert_eq!(db.count("audit_log", entry).await, 1);
        assert_eq!(db.count("audit_log", "action = 'cancellation_rule.changed' AND subject_id IN ('0', '2', '7')").await, 1);
        assert_eq!(db.count("audit_log", "action IN ('price.added', 'fee.added', 'pricing_rule.added')").await, 3);
    })
    .await;
}

/// The first page of the log, and of a subject, by page and by key.
#[tokio::test]
async fn audit_log_is_read_by_key() {
    with_database(|db| async move {
        let service = db.service().await;
        // The subject of the even ones is a booking, the odd ones name it in their detail.
        db.run("INSERT INTO audit_log (occurred_at, actor, action, subject_type, subject_id, detail)
                SELECT now(), 'a', 'test', 'test', CASE WHEN i % 2 = 0 THEN 'B' ELSE i::text END, CASE WHEN i % 3 <> 0 THEN '{\"bookingId\": \"B\"}'::jsonb ELSE '{}' END
                FROM generate_series(1, 30) AS i").await;
        for (filter, expected) in [(json!({}), "true"), (json!({ "p_subject": "B" }), "subject_id = 'B' OR detail ->> 'bookingId' = 'B'")] {
            let ids = db.value(&format!("SELECT string_agg(id::text, ' ' ORDER BY id DESC) FROM audit_log WHERE {expected}")).await.unwrap();
            for limit in [1, 7, 30, 200] {
                let mut arguments = filter.clone();
                arguments["p_limit"] = json!(limit);
                let mut found = Vec::new();
                loop {
                    let page = call(&service, "list_audit", arguments.clone()).await;
                    assert_eq!(page.get("pagination").is_some(), found.is_empty(), "{page}");
                    found.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].to_string()));
                    if page["next"].is_null() {
                        break;
                    }
                    assert_eq!(page["next"].as_str(), found.last().map(String::as_str));
                    arguments["p_after"] = page["next"].clone();
                }
                assert_eq!(found.join(" "), ids, "{filter} {limit}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn long_lists_are_counted_to_one_thousand() {
    with_database(|db| async move {
        let service = db.service().await;
        let rows = "INSERT INTO audit_log (occurred_at, actor, action, subject_type, subject_id)
                    SELECT now(), 'many', 'test', 'test', i::text FROM generate_series(1, 1001) AS i";
        db.run(rows).await;
        let many = json!({ "p_actor": "many", "p_limit": 100 });
        let page = call(&service, "list_audit", many).await;
        assert_eq!(page["pagination"], json!({
            "page": 1, "limit": 100, "total": 1000, "totalPages": 10, "hasNext": true, "hasPrev": false, "totalIsMinimum": true,
        }));
        let last = call(&service, "list_audit", json!({ "p_actor": "many", "p_limit": 100, "p_page": 11 })).await;
        assert_eq!(last["entries"].as_array().unwrap().len(), 1);
        assert_eq!((&last["next"], &last["pagination"]["hasNext"]), (&Value::Null, &json!(false)));
        db.run("INSERT INTO audit_log (occurred_at, actor, action, subject_type, subject_id) SELECT now(), 'few', 'test', 'test', i::text FROM generate_series(1, 1000) AS i").await;
        let page = call(&service, "list_audit", json!({ "p_actor": "few", "p_limit": 100 })).await;
        assert_eq!((&page["pagination"]["total"], &page["pagination"]["totalIsMinimum"]), (&json!(1000), &json!(false)));
    })
    .await;
}
