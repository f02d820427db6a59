//! Reads the product's database. The connection is read-only, except that of [`edit_rows`].

use super::{environment::variable, local_system, rental::Rental};
use serde_json::Value;
use tokio_postgres::{NoTls, types::ToSql};
use uuid::Uuid;

pub(crate) struct Database(tokio_postgres::Client);

/// Changes rows, as an operator does in Supabase's dashboard. Returns their number.
pub(crate) async fn edit_rows(sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> u64 {
    let (client, connection) = tokio_postgres::connect(&variable("DATABASE_URL"), NoTls)
        .await
        .unwrap_or_else(|error| panic!("DATABASE_URL: {error}"));
    tokio::spawn(connection);
    let changed = client.execute(sql, parameters).await;
    changed.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

impl Database {
    pub(crate) async fn open() -> Self {
        let (client, connection) = tokio_postgres::connect(&variable("DATABASE_URL"), NoTls)
            .await
            .unwrap_or_else(|error| panic!("DATABASE_URL: {error}"));
        tokio::spawn(connection);
        client
            .execute("SET default_transaction_read_only = on", &[])
            .await
            .unwrap();
        Self(client)
    }

    /// The number in the one row of `sql`.
    pub(crate) async fn number(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> i64 {
        self.0
            .query_one(sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    }

    /// The rows of `sql`, each a JSON value in the first column.
    pub(crate) async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Value> {
        let rows = self
            .0
            .query(sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The number of live bookings that block some of a rental's days.
    pub(crate) async fn live_bookings(&self, rental: &Rental) -> i64 {
        let now = local_system::now().await;
        self.number(
            "SELECT count(*) FROM bookings AS b JOIN cars AS c ON c.id = b.car_id
             WHERE c.slug = $1 AND b.blocked && daterange($2, $3)
               AND (b.status IN ('upcoming', 'active', 'completed') OR b.status = 'pending_payment' AND b.hold_expires_at > $4)",
            &[&rental.car, &rental.start, &rental.end, &now],
        )
        .await
    }

    /// Oldest first.
    pub(crate) async fn payments(&self, booking: Uuid) -> Vec<Value> {
        self.rows(
            "SELECT to_jsonb(p) FROM payments AS p WHERE booking_id = $1 ORDER BY created_at, id",
            &[&booking],
        )
        .await
    }

    /// The number of calls to PayPal about a booking whose end is not recorded.
    pub(crate) async fn open_operations(&self, booking: Uuid) -> i64 {
        self.number(
            "SELECT count(*) FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
             WHERE p.booking_id = $1 AND o.status = 'open'",
            &[&booking],
        )
        .await
    }

    /// An event in the inbox, or `None` when it was not stored.
    ///
    /// `attempts` is null after the last attempt. `applied` counts how often it was applied.
    pub(crate) async fn event(&self, id: &str) -> Option<Value> {
        let sql = "SELECT jsonb_build_object('status', e.status, 'result', e.result, 'attempts', r.attempts, 'applied', (
                       SELECT count(*) FROM audit_log AS a WHERE a.action = 'webhook.applied' AND a.subject_id = e.event_id))
                   FROM webhook_events AS e LEFT JOIN webhook_retries AS r ON r.event_id = e.event_id
                   WHERE e.event_id = $1";
        self.rows(sql, &[&id]).await.pop()
    }

    /// The row counts of the tables that a customer's request can change.
    pub(crate) async fn row_counts(&self) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in [
            "bookings",
            "payments",
            "payment_operations",
            "customers",
            "booking_events",
        ] {
            counts.push(
                self.number(&format!("SELECT count(*) FROM {table}"), &[])
                    .await,
            );
        }
        counts
    }
}
