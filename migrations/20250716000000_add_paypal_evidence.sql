-- PayPal's record of a payment: captures, refunds and disputes, each with its own state. A payment
-- that waits for PayPal's decision has a state of its own.

BEGIN;
SET LOCAL client_min_messages = warning;

ALTER TABLE public.payments
    ADD COLUMN IF NOT EXISTS pending_since timestamptz,
    ADD COLUMN IF NOT EXISTS next_comparison_at timestamptz,
    ADD COLUMN IF NOT EXISTS comparison_failures integer NOT NULL DEFAULT 0 CHECK (comparison_failures >= 0),
    ADD COLUMN IF NOT EXISTS hold_ended_at timestamptz,
    ADD COLUMN IF NOT EXISTS authorized_amount numeric(12, 2) CHECK (authorized_amount > 0),
    ADD COLUMN IF NOT EXISTS comparison_failing_since timestamptz;
COMMENT ON COLUMN public.payments.hold_ended_at IS
    'Since when PayPal is known to hold none of the authorized money that is not captured. NULL: it '
    'may hold some until the authorization expires.';
COMMENT ON COLUMN public.payments.authorized_amount IS
    'What PayPal authorized, in the payment''s currency. NULL: the price.';
COMMENT ON COLUMN public.payments.pending_since IS
    'Since when PayPal reviews the authorization or the capture. NULL: PayPal reviews nothing.';
COMMENT ON COLUMN public.payments.next_comparison_at IS
    'When the payment is compared with PayPal next. NULL: at once. infinity: never again.';
COMMENT ON COLUMN public.payments.comparison_failures IS
    'Comparisons that failed since the last that succeeded.';
COMMENT ON COLUMN public.payments.comparison_failing_since IS
    'The first of these failures.';

-- Every state but the first two waiting ones had these rules before. A pending capture has an id,
-- and its money is not captured yet.
ALTER TABLE public.payments
    DROP CONSTRAINT IF EXISTS payments_status_known,
    DROP CONSTRAINT IF EXISTS payments_authorized_has_id,
    DROP CONSTRAINT IF EXISTS payments_capture_whole;
ALTER TABLE public.payments
    ADD CONSTRAINT payments_status_known CHECK (status IN ('created', 'authorization_pending', 'authorized',
        'capturing', 'capture_pending', 'captured', 'partially_refunded', 'refunded', 'voided', 'failed', 'expired')),
    ADD CONSTRAINT payments_authorized_has_id CHECK (
        status NOT IN ('authorization_pending', 'authorized', 'capturing') OR authorization_id IS NOT NULL),
    ADD CONSTRAINT payments_capture_whole CHECK (
        (status IN ('capture_pending', 'captured', 'partially_refunded', 'refunded')) = (capture_id IS NOT NULL)
        AND (status IN ('captured', 'partially_refunded', 'refunded')) = (captured_at IS NOT NULL)
        AND (captured_at IS NULL) = (captured_amount IS NULL));

-- Captures were final until now, so they left no hold.
UPDATE public.payments SET hold_ended_at = coalesce(voided_at, captured_at, updated_at)
WHERE authorization_id IS NOT NULL AND hold_ended_at IS NULL
  AND (voided_at IS NOT NULL OR status IN ('voided', 'expired', 'captured', 'partially_refunded', 'refunded'))
  AND NOT EXISTS (SELECT FROM public.schema_migrations WHERE version = '20250716000000_add_paypal_evidence');

-- The crons look for holds that must end and for captures that are due among few payments,
-- however many have ended.
CREATE INDEX IF NOT EXISTS payments_holding ON public.payments (booking_id)
    WHERE authorization_id IS NOT NULL AND hold_ended_at IS NULL;
CREATE INDEX IF NOT EXISTS payments_declined ON public.payments (next_attempt_at)
    WHERE status = 'failed' AND next_attempt_at IS NOT NULL;
ALTER TABLE public.payment_operations ADD COLUMN IF NOT EXISTS failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0);
COMMENT ON COLUMN public.payment_operations.failures IS
    'Attempts without success, from which the time of the next one follows.';
CREATE INDEX IF NOT EXISTS payment_operations_open_captures ON public.payment_operations (payment_id)
    WHERE operation = 'capture' AND status = 'open';

-- Whether PayPal works: the latest success of any call, and the latest comparison.
CREATE INDEX IF NOT EXISTS payment_operations_succeeded ON public.payment_operations (finished_at) WHERE status = 'succeeded';
CREATE INDEX IF NOT EXISTS payments_reconciled ON public.payments (reconciled_at) WHERE reconciled_at IS NOT NULL;

-- A booking has at most one payment that is to be authorized, and at most one that holds or took
-- money. A payment whose money went back makes room for another.
DROP INDEX IF EXISTS public.payments_one_standing;
CREATE UNIQUE INDEX payments_one_standing ON public.payments (booking_id)
    WHERE status NOT IN ('created', 'voided', 'failed', 'expired', 'refunded') AND void_reason IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS payments_one_created ON public.payments (booking_id)
    WHERE status = 'created' AND void_reason IS NULL;

-- One row is one capture at PayPal, whoever made it. payments.captured_amount is the sum of the
-- completed ones.
CREATE TABLE IF NOT EXISTS public.payment_captures (
    capture_id    text PRIMARY KEY,
    payment_id    uuid NOT NULL REFERENCES public.payments ON DELETE RESTRICT,
    amount        numeric(12, 2) NOT NULL CHECK (amount > 0),
    status        text NOT NULL CHECK (status IN ('pending', 'completed', 'declined')),
    first_seen_at timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS payment_captures_by_payment ON public.payment_captures (payment_id, first_seen_at);
ALTER TABLE public.payment_captures ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON public.payment_captures TO service_role;
COMMENT ON TABLE public.payment_captures IS
    'Captures at PayPal, ours and those made in its console. Amounts are in the payment''s currency.';
INSERT INTO public.payment_captures (capture_id, payment_id, amount, status, first_seen_at, updated_at)
SELECT capture_id, id, captured_amount, 'completed', captured_at, captured_at
FROM public.payments WHERE captured_amount IS NOT NULL ON CONFLICT DO NOTHING;

-- One row is one refund at PayPal. A refund of several captures has a row for each, which are its
-- parts. PayPal may take days to complete one, which is pending until then.
ALTER TABLE public.refunds
    ADD COLUMN IF NOT EXISTS capture_id text REFERENCES public.payment_captures ON DELETE RESTRICT,
    ADD COLUMN IF NOT EXISTS part integer NOT NULL DEFAULT 1 CHECK (part > 0),
    ADD COLUMN IF NOT EXISTS pending_since timestamptz,
    DROP CONSTRAINT IF EXISTS refunds_status_check,
    DROP CONSTRAINT IF EXISTS refunds_status_known,
    DROP CONSTRAINT IF EXISTS refunds_finished,
    DROP CONSTRAINT IF EXISTS refunds_once;
ALTER TABLE public.refunds
    ADD CONSTRAINT refunds_status_known CHECK (status IN ('ordered', 'pending', 'refunded', 'refused')),
    ADD CONSTRAINT refunds_finished CHECK ((status IN ('ordered', 'pending')) = (finished_at IS NULL)),
    ADD CONSTRAINT refunds_once UNIQUE (payment_id, idempotency_key, part);
COMMENT ON COLUMN public.refunds.capture_id IS 'The capture whose money goes back.';
COMMENT ON COLUMN public.refunds.pending_since IS 'Since when PayPal has the refund without completing it.';
DROP INDEX IF EXISTS public.refunds_open;
CREATE INDEX refunds_open ON public.refunds (ordered_at) WHERE status IN ('ordered', 'pending');
CREATE INDEX IF NOT EXISTS refunds_by_capture ON public.refunds (capture_id);
UPDATE public.refunds AS r SET capture_id = p.capture_id
FROM public.payments AS p WHERE p.id = r.payment_id AND r.capture_id IS NULL;
ALTER TABLE public.refunds ALTER COLUMN capture_id SET NOT NULL;
-- Refunds that were seen at PayPal had no rows before. Each payment gets one for their sum.
INSERT INTO public.refunds (payment_id, capture_id, amount, idempotency_key, actor, reason, status, ordered_at, finished_at)
SELECT p.id, p.capture_id, p.refunded_amount - known.amount, 'paypal:earlier', 'paypal', 'seen_at_paypal', 'refunded',
       p.updated_at, p.updated_at
FROM public.payments AS p CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.amount), 0) AS amount FROM public.refunds AS r WHERE r.payment_id = p.id AND r.status = 'refunded'
) AS known
WHERE p.refunded_amount > known.amount
ON CONFLICT DO NOTHING;

-- One row is one dispute at PayPal about one payment. A dispute may be about several.
CREATE TABLE IF NOT EXISTS public.payment_disputes (
    dispute_id  text NOT NULL CHECK (length(dispute_id) BETWEEN 1 AND 255),
    payment_id  uuid NOT NULL REFERENCES public.payments ON DELETE RESTRICT,
    outcome     text,
    opened_at   timestamptz NOT NULL,
    resolved_at timestamptz,
    PRIMARY KEY (dispute_id, payment_id)
);
CREATE INDEX IF NOT EXISTS payment_disputes_open ON public.payment_disputes (payment_id) WHERE resolved_at IS NULL;
ALTER TABLE public.payment_disputes ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON public.payment_disputes TO service_role;
COMMENT ON TABLE public.payment_disputes IS
    'Disputes of payers at PayPal. outcome is PayPal''s word, once the dispute is resolved.';

-- An operator may acknowledge a finding. It opens again when its detail changes.
ALTER TABLE public.payment_findings
    ADD COLUMN IF NOT EXISTS acknowledged_at timestamptz,
    ADD COLUMN IF NOT EXISTS acknowledged_by text,
    ADD COLUMN IF NOT EXISTS acknowledgement text CHECK (length(acknowledgement) BETWEEN 1 AND 200);
COMMENT ON COLUMN public.payment_findings.acknowledgement IS 'The operator''s reason.';

-- The lists of findings show the newest first. The audit log is read by a booking's id.
DROP INDEX IF EXISTS public.payment_findings_open;
CREATE INDEX payment_findings_open ON public.payment_findings (found_at DESC, payment_id, kind) WHERE resolved_at IS NULL;
CREATE INDEX IF NOT EXISTS payment_findings_of_payment ON public.payment_findings (payment_id)
    WHERE resolved_at IS NULL AND acknowledged_at IS NULL;
CREATE INDEX IF NOT EXISTS audit_log_by_subject_id ON public.audit_log (subject_id, id);
CREATE INDEX IF NOT EXISTS audit_log_by_booking ON public.audit_log ((detail ->> 'bookingId'), id) WHERE detail ->> 'bookingId' IS NOT NULL;

-- The payments that are due for a comparison. Those that may still move have a list of their own,
-- so that they do not wait behind a backlog of old ones.
DROP INDEX IF EXISTS public.payments_unreconciled;
CREATE INDEX IF NOT EXISTS payments_comparison_due ON public.payments ((coalesce(next_comparison_at, '-infinity')), id)
    WHERE next_comparison_at IS DISTINCT FROM 'infinity';
CREATE INDEX IF NOT EXISTS payments_comparison_due_live ON public.payments ((coalesce(next_comparison_at, '-infinity')), id)
    WHERE next_comparison_at IS DISTINCT FROM 'infinity'
      AND status IN ('created', 'authorization_pending', 'authorized', 'capturing', 'capture_pending');
-- Payments that ended before this file. The old ones are spread over a week and a day, so that they
-- do not all come due at once.
UPDATE public.payments SET next_comparison_at = CASE
    WHEN order_id IS NULL OR updated_at < now() - interval '190 days' THEN 'infinity'
    WHEN updated_at < now() - interval '30 days' THEN now() + random() * interval '7 days'
    WHEN updated_at < now() - interval '2 days' THEN now() + random() * interval '1 day' END
WHERE next_comparison_at IS NULL
  AND (order_id IS NULL OR (status NOT IN ('created', 'authorized', 'capturing') AND updated_at < now() - interval '2 days'));

-- An event may name any id that PayPal ever gave us, for example that of an earlier order.
DROP INDEX IF EXISTS public.payment_operations_by_result;
CREATE INDEX payment_operations_by_result ON public.payment_operations (result_id) WHERE result_id IS NOT NULL;

-- A completed rental keeps its turnaround: the car is being prepared. A car that was rented within
-- a turnaround had the shorter one.
DO $$
BEGIN
    IF (SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
        WHERE conname = 'bookings_no_overlap' AND conrelid = 'public.bookings'::regclass) LIKE '%completed%' THEN
        RETURN;
    END IF;
    UPDATE public.bookings AS b SET turnaround_days = next.start_date - b.end_date
    FROM (
        SELECT done.id, min(other.start_date) AS start_date
        FROM public.bookings AS done JOIN public.bookings AS other
            ON other.car_id = done.car_id AND other.id <> done.id AND other.start_date >= done.end_date
            AND other.status IN ('pending_payment', 'upcoming', 'active', 'completed')
        WHERE done.status = 'completed' AND other.start_date < done.end_date + done.turnaround_days
        GROUP BY done.id
    ) AS next WHERE next.id = b.id;
    ALTER TABLE public.bookings DROP CONSTRAINT IF EXISTS bookings_no_overlap;
    ALTER TABLE public.bookings ADD CONSTRAINT bookings_no_overlap
        EXCLUDE USING gist (car_id WITH =, blocked WITH &&)
        WHERE (status IN ('pending_payment', 'upcoming', 'active', 'completed'));
END;
$$;

INSERT INTO public.schema_migrations (version) VALUES ('20250716000000_add_paypal_evidence') ON CONFLICT DO NOTHING;
COMMIT;
