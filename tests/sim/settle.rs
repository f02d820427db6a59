//! The end of a run: faults stop, everybody finishes, and the crons work until nothing is left to do.

use crate::{actors, faults::Faults, run::Run};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// Far more than anybody needs to finish.
const MOST_EVENTS: u32 = 20_000;
/// The farthest that anything is put off: the life of an authorization, and then some.
const HORIZON: SignedDuration = SignedDuration::from_hours(40 * 24);
/// A cron's usual interval; what should be over and is not waits for the next run.
const CRON: SignedDuration = SignedDuration::from_mins(15);
/// Nothing is put off so often.
const MOST_ROUNDS: u32 = 60;
/// Nothing comes up again so often.
const MOST_ENDS: u32 = 4;

/// The next moment at which there is something to do, and which cron does it.
const NEXT: &str = "
    SELECT coalesce((
        SELECT jsonb_build_object('at', at, 'path', path) FROM (
            SELECT hold_expires_at AS at, '/api/admin/process-payment-captures' AS path
            FROM public.bookings WHERE status = 'pending_payment'
            UNION ALL
            SELECT greatest(b.payment_capture_scheduled_at, p.lease_expires_at, p.next_attempt_at), '/api/admin/process-payment-captures'
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            WHERE p.status IN ('authorized', 'capturing') AND p.void_reason IS NULL
              AND p.failure_code IS DISTINCT FROM 'capture_pending'
              AND (b.status IN ('upcoming', 'active', 'completed') OR p.capture_amount IS NOT NULL)
            UNION ALL
            SELECT p.updated_at + interval '2 minutes', '/api/admin/process-payment-captures'
            FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
            WHERE p.status IN ('authorized', 'failed') AND p.authorization_id IS NOT NULL AND p.voided_at IS NULL
              AND (p.void_reason IS NOT NULL OR b.status IN ('cancelled', 'expired'))
            UNION ALL
            SELECT greatest(ordered_at, lease_expires_at, next_attempt_at), '/api/admin/process-payment-captures'
            FROM public.refunds WHERE status = 'ordered'
            UNION ALL
            -- The order lapses; until then its payer may come.
            SELECT order_created_at + interval '421 minutes', '/api/admin/payments/reconcile'
            FROM public.payments WHERE status = 'created' AND order_created_at IS NOT NULL
            UNION ALL
            SELECT greatest(next_attempt_at, lease_expires_at), '/api/webhooks/retry' FROM public.webhook_retries
        ) AS due
        -- What was not done for hours is not going to be.
        WHERE at > $1::text::timestamptz - interval '3 hours'
        ORDER BY at, path LIMIT 1), 'null')::text";

#[derive(Debug, Deserialize)]
struct Due {
    at: Timestamp,
    path: String,
}

impl Run<'_> {
    /// Drives everything to its end and looks at it.
    pub(crate) fn settle(&mut self) {
        let mut state = self.world.state();
        state.note("faults stop");
        state.is_ending = true;
        for sending in state.under_way.values_mut() {
            sending.is_stuck = false;
        }
        let horizon = state.clock.now().checked_add(HORIZON).unwrap();
        drop(state);
        self.faults = Faults::NONE;
        self.finish();
        // The last runs may find something that is due again.
        for _ in 0..MOST_ENDS {
            self.work_off(horizon);
            for path in actors::crons() {
                actors::tell_all(&self.world, self.upstreams.simulator());
                self.finish();
                actors::run_cron(&self.world, path);
                self.finish();
            }
            if self.next_due().is_none_or(|due| due.at >= horizon) {
                break;
            }
        }
        if !self.is_violated() {
            self.see_the_end();
        }
    }

    /// Lets time pass from one due moment to the next, and each cron do its work.
    fn work_off(&mut self, horizon: Timestamp) {
        for _ in 0..MOST_ROUNDS {
            let Some(due) = self.next_due().filter(|due| due.at < horizon) else {
                return;
            };
            if self.is_violated() {
                return;
            }
            let wait = due.at.duration_since(self.world.now());
            self.pass(wait.max(CRON));
            actors::run_cron(&self.world, due.path);
            self.finish();
        }
    }

    /// Lets everybody come to their end.
    fn finish(&mut self) {
        for _ in 0..MOST_EVENTS {
            if !self.step() {
                break;
            }
        }
        let mut state = self.world.state();
        if state.checks.violations().is_empty() && !self.tasks.is_empty() {
            let waiting = self.tasks.names().join(", ");
            state
                .checks
                .violated(format!("some never come to their end: {waiting}"));
        }
    }

    fn next_due(&mut self) -> Option<Due> {
        let now = self.world.now().to_string();
        serde_json::from_str(&self.upstreams.database.read(NEXT, &[&now])).unwrap()
    }
}
