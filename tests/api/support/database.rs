//! A look at what was written. Nothing is ever written here.

use super::{environment::variable, local_system, rental::Rental};
use serde_json::Value;
use tokio_postgres::{NoTls, types::ToSql};
use uuid::Uuid;

/// A connection to the product's database.
pub(crate) struct Database(tokio_postgres::Client);

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

    /// The one number that `sql` gives.
    pub(crate) async fn number(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> i64 {
        self.0
            .query_one(sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
            .get(0)
    }

    /// The rows that `sql` gives, each as a JSON value in its first column.
    pub(crate) async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Value> {
        let rows = self
            .0
            .query(sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// How many bookings take some of a rental's days at this moment.
    pub(crate) async fn live_bookings(&self, rental: &Rental) -> i64 {
        let now = local_system::now().await;
        self.number(
            "SELECT count(*) FROM bookings AS b JOIN cars AS c ON c.id = b.car_id
             WHERE c.slug = $1 AND b.blocked && daterange($2, $3)
               AND (b.status IN ('upcoming', 'active') OR b.status = 'pending_payment' AND b.hold_expires_at > $4)",
            &[&rental.car, &rental.start, &rental.end, &now],
        )
        .await
    }

    /// The payments of a booking, oldest first.
    pub(crate) async fn payments(&self, booking: Uuid) -> Vec<Value> {
        self.rows(
            "SELECT to_jsonb(p) FROM payments AS p WHERE booking_id = $1 ORDER BY created_at, id",
            &[&booking],
        )
        .await
    }

    /// How many calls to PayPal about a booking have no end yet.
    pub(crate) async fn open_operations(&self, booking: Uuid) -> i64 {
        self.number(
            "SELECT count(*) FROM payment_operations AS o JOIN payments AS p ON p.id = o.payment_id
             WHERE p.booking_id = $1 AND o.status = 'open'",
            &[&booking],
        )
        .await
    }

    /// An event in the inbox: its `status` and `result`, how often it was tried (`attempts`, null once that is over) and how
    /// often it was `applied`. `None` when it was not stored.
    pub(crate) async fn event(&self, id: &str) -> Option<Value> {
        let sql = "SELECT jsonb_build_object('status', e.status, 'result', e.result, 'attempts', r.attempts, 'applied', (
                       SELECT count(*) FROM audit_log AS a WHERE a.action = 'webhook.applied' AND a.subject_id = e.event_id))
                   FROM webhook_events AS e LEFT JOIN webhook_retries AS r ON r.event_id = e.event_id
                   WHERE e.event_id = $1";
        self.rows(sql, &[&id]).await.pop()
    }

    /// How much there is of what a customer can make the product write.
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
