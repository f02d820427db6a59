//! Migrations while customers book.

use crate::database::{Database, connect, with_database};
use crate::folder::function_stems;
use crate::psql;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};
use std::time::Duration;
use tokio::time::timeout;

/// The number of concurrent customers.
const CUSTOMERS: usize = 8;
/// The number of passes. Each applies all functions, and then runs with nothing to change.
const PASSES: usize = 8;

/// One booking: a hold, opened for payment, then perhaps authorized and captured, then canceled or
/// expired. The customers compete for the rows that these functions lock. Any outcome but the
/// expected one is an error.
const BOOKING: &str = "
    DO $$
    DECLARE
        v_start  date := current_date + 10 + (random() * 200)::integer;
        v_car    text := 'car-' || (random() * 3)::integer;
        v_answer jsonb := public.create_booking(v_car, v_start, v_start + 3);
        v_id     uuid := v_answer #>> '{booking,bookingId}';
        v_pay    jsonb;
        v_order  text;
        v_claim  jsonb;
    BEGIN
        IF v_id IS NOT NULL THEN
            v_pay := public.open_payment(v_id, v_car, v_start, v_start + 3);
            IF random() < 0.5 THEN
                v_order := 'ORDER-' || (v_pay ->> 'requestId');
                PERFORM public.record_paypal_order((v_pay ->> 'paymentId')::uuid, v_pay ->> 'requestId', v_order);
                v_answer := public.begin_authorization(v_order);
                ASSERT v_answer ->> 'outcome' = 'authorize', v_answer;
                v_answer := public.record_authorization(
                    (v_pay ->> 'paymentId')::uuid, v_answer ->> 'requestId', 'AUTH-' || v_id,
                    (v_answer ->> 'amount')::numeric, v_answer ->> 'currency');
                ASSERT v_answer ->> 'outcome' = 'confirmed', v_answer;
                IF random() < 0.5 THEN
                    v_answer := public.claim_payment_capture(v_id, 'operator:1');
                    ASSERT v_answer ->> 'outcome' = 'claimed', v_answer;
                    v_claim := v_answer -> 'claim';
                    v_answer := public.record_capture(
                        (v_claim ->> 'paymentId')::uuid, (v_claim ->> 'lease')::uuid, v_claim ->> 'requestId',
                        'CAPTURE-' || v_id, (v_claim ->> 'amount')::numeric);
                    ASSERT v_answer ->> 'outcome' = 'captured', v_answer;
                END IF;
            END IF;
            -- Paid bookings do not expire, so they are canceled to free their days.
            IF v_order IS NOT NULL OR random() < 0.5 THEN
                v_answer := public.cancel_booking(v_id, 'customer');
                ASSERT v_answer ->> 'outcome' = 'cancelled', v_answer;
            END IF;
        END IF;
        PERFORM public.expire_holds(25, now() + interval '10 minutes' * random() * 3);
        PERFORM public.get_availability(v_car, v_start, v_start + 3);
    END;
    $$";

async fn add_cars(db: &Database) {
    db.run(
        "INSERT INTO cars (slug, name, make, model, year, category, status)
         SELECT 'car-' || n, 'Car', 'A', 'B', 2024, 'coupe', 'listed' FROM generate_series(0, 3) AS n;
         INSERT INTO car_pricing (car_id, base_price_per_day) SELECT id, 50 FROM cars",
    )
    .await;
}

/// Books until `is_finished` is set or a booking fails.
async fn customer(
    db: Database,
    is_finished: Arc<AtomicBool>,
    bookings: Arc<AtomicU32>,
) -> Result<(), String> {
    let client = connect(&db.url).await;
    client.batch_execute("SET ROLE service_role").await.unwrap();
    while !is_finished.load(Ordering::Relaxed) {
        let result = client.batch_execute(BOOKING).await;
        result.map_err(|error| format!("{error:?}"))?;
        bookings.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_and_migrations_never_fail_each_other() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        add_cars(&db).await;
        let is_finished = Arc::new(AtomicBool::new(false));
        let bookings = Arc::new(AtomicU32::new(0));
        let customers: Vec<_> = (0..CUSTOMERS)
            .map(|_| tokio::spawn(customer(db.clone(), is_finished.clone(), bookings.clone())))
            .collect();
        for _ in 0..PASSES {
            db.run("UPDATE internal.schema_functions SET checksum = ''")
                .await;
            for expected in [function_stems().len(), 0] {
                let before = bookings.load(Ordering::Relaxed);
                let run = db.migrate(&[]).await;
                let last = format!("applied: {expected}");
                assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
                assert_eq!(run.out.lines().last(), Some(last.as_str()));
                psql::apply(&db).await;
                db.migrate_and_count(&[]).await;
                // Customers book during every run.
                let traffic = async {
                    while bookings.load(Ordering::Relaxed) < before + 4 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                timeout(Duration::from_secs(20), traffic)
                    .await
                    .expect("customers book");
            }
        }
        is_finished.store(true, Ordering::Relaxed);
        for customer in customers {
            assert_eq!(customer.await.unwrap(), Ok(()));
        }
        for payment in [
            "captured_at IS NOT NULL",
            "authorized_at IS NOT NULL AND captured_at IS NULL",
        ] {
            let count = format!("SELECT 'some' FROM payments WHERE {payment} LIMIT 1");
            assert_eq!(db.texts(&count).await, ["some"], "{payment}");
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_to_change_locks_no_table() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        let tables = db
            .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'")
            .await
            .join(", ");
        db.run(&format!("BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
            .await;
        let run = db.migrate(&[]).await;
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "applied: 0\n", ""));
        assert_eq!(db.migrate(&["--status"]).await.code, 0);
        db.run("ROLLBACK").await;
    })
    .await;
}

#[tokio::test]
async fn changed_functions_do_not_wait_for_traffic() {
    with_database(|db| async move {
        db.migrate_and_count(&[]).await;
        db.run("UPDATE internal.schema_functions SET checksum = ''")
            .await;
        let tables = db
            .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .await
            .join(", ");
        // Every writer takes this lock. CREATE TRIGGER and ALTER TABLE would wait for it.
        db.run(&format!("BEGIN; LOCK TABLE {tables} IN ROW EXCLUSIVE MODE"))
            .await;
        let run = db.migrate(&[]).await;
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
        psql::apply(&db).await;
        db.run("ROLLBACK").await;
    })
    .await;
}
