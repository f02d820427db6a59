//! Finds the next cron job that has work to do, from the tables.

use crate::run::Run;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

pub(crate) const COMPARISON: &str = "/api/admin/payments/reconcile";

/// The shortest wait before the next cron job, also for overdue work.
pub(crate) const CRON_INTERVAL: SignedDuration = SignedDuration::from_mins(15);

const NEXT: &str = "
    SELECT coalesce((
        SELECT jsonb_build_object('at', at, 'path', path) FROM (
            SELECT hold_expires_at AS at, '/api/admin/process-payment-captures' AS path
            FROM public.bookings WHERE status = 'pending_payment'
            UNION ALL
            SELECT greatest(b.payment_capture_scheduled_at, p.lease_expires_at, p.next_attempt_at),
                '/api/admin/process-payment-captures'
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            WHERE (p.status IN ('authorized', 'capturing') OR (p.status = 'failed' AND p.next_attempt_at IS NOT NULL AND p.hold_ended_at IS NULL))
              AND p.void_reason IS NULL
              AND (b.status IN ('upcoming', 'active', 'completed') OR p.capture_amount IS NOT NULL)
            UNION ALL
            SELECT p.updated_at + interval '2 minutes', '/api/admin/process-payment-captures'
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            WHERE p.authorization_id IS NOT NULL AND p.hold_ended_at IS NULL
              AND p.status NOT IN ('created', 'voided', 'expired', 'capturing', 'capture_pending', 'authorization_pending')
              AND (p.void_reason IS NOT NULL OR b.status IN ('cancelled', 'expired'))
            UNION ALL
            -- PayPal refuses it until the dispute is resolved.
            SELECT greatest(ordered_at, lease_expires_at, next_attempt_at,
                CASE WHEN failure_code = 'TRANSACTION_DISPUTED' THEN $1::text::timestamptz + interval '1 day' END), '/api/admin/process-payment-captures'
            FROM public.refunds WHERE status = 'ordered'
            UNION ALL
            -- The payer may approve until the order expires.
            SELECT order_created_at + interval '421 minutes', '/api/admin/payments/reconcile'
            FROM public.payments WHERE status = 'created' AND order_created_at IS NOT NULL
            UNION ALL
            SELECT greatest(next_attempt_at, lease_expires_at), '/api/webhooks/retry'
            FROM public.webhook_retries
        ) AS jobs
        -- The crons do not finish work that has been overdue for hours.
        WHERE at > $1::text::timestamptz - interval '3 hours'
        ORDER BY at, path LIMIT 1), 'null')::text";

#[derive(Debug, Deserialize)]
pub(crate) struct CronJob {
    pub(crate) at: Timestamp,
    /// The route that the cron calls.
    pub(crate) path: String,
}

impl Run<'_> {
    pub(crate) fn next_cron_job(&mut self) -> Option<CronJob> {
        let now = self.world.now().to_string();
        serde_json::from_str(&self.upstreams.database.read(NEXT, &[&now])).unwrap()
    }
}
