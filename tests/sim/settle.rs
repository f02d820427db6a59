//! The end of a run: faults stop, everybody finishes, and the crons work until nothing is left to do.

use crate::{actors, faults::Faults, run::Run};
use jiff::{SignedDuration, Timestamp};

/// Far more than anybody needs to finish.
const MOST_EVENTS: u32 = 20_000;
/// The farthest that anything is put off: the life of an authorization, and then some.
const HORIZON: SignedDuration = SignedDuration::from_hours(40 * 24);
/// Nothing is put off so often.
const MOST_ROUNDS: u32 = 60;

/// The next moment at which a cron will find something to do, if any.
const NEXT: &str = "
    SELECT coalesce(min(at)::text, '') FROM (
        SELECT hold_expires_at AS at FROM public.bookings WHERE status = 'pending_payment'
        UNION ALL
        SELECT greatest(b.payment_capture_scheduled_at, p.lease_expires_at, p.next_attempt_at)
        FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
        WHERE p.status IN ('authorized', 'capturing') AND p.void_reason IS NULL
          AND p.failure_code IS DISTINCT FROM 'capture_pending'
          AND (b.status IN ('upcoming', 'active', 'completed') OR p.capture_amount IS NOT NULL)
        UNION ALL
        SELECT p.updated_at + interval '2 minutes'
        FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id
        WHERE p.status = 'authorized' AND (p.void_reason IS NOT NULL OR b.status IN ('cancelled', 'expired'))
        UNION ALL
        -- The order lapses; until then its payer may come.
        SELECT order_created_at + interval '421 minutes' FROM public.payments WHERE status = 'created'
        UNION ALL
        SELECT greatest(ordered_at, lease_expires_at, next_attempt_at) FROM public.refunds WHERE status = 'ordered'
        UNION ALL
        SELECT greatest(next_attempt_at, lease_expires_at) FROM public.webhook_retries
    ) AS due";

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
        for _ in 0..MOST_ROUNDS {
            let Some(due) = self.next_due().filter(|due| *due < horizon) else {
                break;
            };
            if self.is_violated() {
                return;
            }
            self.pass(due.duration_since(self.world.now()));
            self.run_crons();
        }
        self.run_crons();
        if !self.is_violated() {
            self.see_the_end();
        }
    }

    fn run_crons(&mut self) {
        if !self.is_violated() {
            actors::tell_all(&self.world, self.upstreams.simulator());
            actors::run_crons(&self.world);
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

    fn next_due(&mut self) -> Option<Timestamp> {
        let text = self.upstreams.database.read(NEXT);
        let first = self.world.now().checked_add(SignedDuration::from_mins(1));
        let due: Timestamp = (!text.is_empty()).then(|| text.parse().unwrap())?;
        Some(due.max(first.unwrap()))
    }
}
