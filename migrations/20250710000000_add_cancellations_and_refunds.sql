-- Cancellations and refunds. The transaction that decides on a refund also stores it. The call to
-- PayPal follows, and after a crash the next run makes it.

BEGIN;
SET LOCAL client_min_messages = warning;

ALTER TABLE public.bookings
    ADD COLUMN IF NOT EXISTS cancelled_by text,
    ADD COLUMN IF NOT EXISTS cancellation_reason text CHECK (length(cancellation_reason) BETWEEN 1 AND 200),
    ADD COLUMN IF NOT EXISTS refund_percent integer CHECK (refund_percent BETWEEN 0 AND 100);
ALTER TABLE public.payments
    ADD COLUMN IF NOT EXISTS capture_amount numeric(12, 2) CHECK (capture_amount > 0),
    ADD COLUMN IF NOT EXISTS original_authorization_id text,
    ADD COLUMN IF NOT EXISTS reconciled_at timestamptz;
COMMENT ON COLUMN public.bookings.refund_percent IS
    'Percentage of the price that the cancellation refunds.';
COMMENT ON COLUMN public.payments.capture_amount IS
    'Amount to capture if it is not the whole amount: the part that we keep after a cancellation.';
COMMENT ON COLUMN public.payments.original_authorization_id IS
    'The first authorization of a reauthorized payment: the one that can be voided.';

-- Of the rules whose days are left, the one with the most days applies. Without a rule nothing is
-- refunded.
CREATE TABLE IF NOT EXISTS public.cancellation_rules (
    days_before_pickup integer PRIMARY KEY CHECK (days_before_pickup BETWEEN 0 AND 366),
    refund_percent     integer NOT NULL CHECK (refund_percent BETWEEN 0 AND 100)
);
COMMENT ON TABLE public.cancellation_rules IS
    'A cancellation at least this many days before the pick-up refunds this percentage of the price.';
INSERT INTO public.cancellation_rules (days_before_pickup, refund_percent)
SELECT seed.days, seed.percent FROM (VALUES (7, 100), (2, 50), (0, 0)) AS seed (days, percent)
WHERE NOT EXISTS (SELECT FROM public.cancellation_rules);

-- One row is one refund, which is made at PayPal once.
CREATE TABLE IF NOT EXISTS public.refunds (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    payment_id       uuid NOT NULL REFERENCES public.payments ON DELETE RESTRICT,
    amount           numeric(12, 2) NOT NULL CHECK (amount > 0),
    idempotency_key  text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 300),
    actor            text NOT NULL,
    reason           text,
    status           text NOT NULL DEFAULT 'ordered' CHECK (status IN ('ordered', 'refunded', 'refused')),
    paypal_refund_id text UNIQUE,
    failure_code     text,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- The end of a claim. It has no lease_id, because the PayPal-Request-Id names the operation,
    -- and its outcome is recorded even after the claim has expired.
    lease_expires_at timestamptz,
    next_attempt_at  timestamptz,
    ordered_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    CONSTRAINT refunds_once UNIQUE (payment_id, idempotency_key),
    CONSTRAINT refunds_finished CHECK ((status = 'ordered') = (finished_at IS NULL))
);
CREATE INDEX IF NOT EXISTS refunds_open ON public.refunds (ordered_at) WHERE status = 'ordered';
ALTER TABLE public.cancellation_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.refunds ENABLE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE ON public.refunds TO service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.cancellation_rules TO service_role;

INSERT INTO public.schema_migrations (version) VALUES ('20250710000000_add_cancellations_and_refunds') ON CONFLICT DO NOTHING;
COMMIT;
