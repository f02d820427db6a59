-- The registry of functions/: which text of each file a database has.
--
-- Internal, because it is no part of the API and the product never reads it.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS internal.schema_functions (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    catalogue  text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE internal.schema_functions ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON internal.schema_functions FROM PUBLIC, anon, authenticated;
COMMENT ON TABLE internal.schema_functions IS
    'One row for each file of migrations/functions/. Empty after psql: the texts are unknown, and '
    'the next `exo migrate` applies all of them.';
COMMENT ON COLUMN internal.schema_functions.name IS 'Path of the file below migrations/, without .sql.';
COMMENT ON COLUMN internal.schema_functions.checksum IS 'SHA-256 of the file, in hexadecimal.';
COMMENT ON COLUMN internal.schema_functions.catalogue IS
    'Digest of all functions and triggers right after the files were applied. Another digest '
    'today means that one was changed by hand.';

ALTER TABLE public.schema_migrations ADD COLUMN IF NOT EXISTS checksum text;
COMMENT ON TABLE public.schema_migrations IS 'One row for each dated file: its stem.';
COMMENT ON COLUMN public.schema_migrations.applied_at IS 'Time of the first application.';
COMMENT ON COLUMN public.schema_migrations.checksum IS
    'SHA-256 of the file that `exo migrate` applied, in hexadecimal. NULL after `psql -f`: unknown.';

-- Comments of tables that earlier versions of the dated files made.
COMMENT ON COLUMN public.payment_operations.subject_id IS
    'Subject of the call: the order of an authorize, the authorization of a capture, reauthorize or '
    'void, the refund of a refund.';
COMMENT ON COLUMN public.payment_operations.result_id IS
    'Id in PayPal''s response: order, authorization, capture or refund.';
COMMENT ON TABLE public.webhook_retries IS
    'Events that are not applied yet: attempts so far, time of the next, and the claim of a worker.';
COMMENT ON COLUMN public.bookings.refund_percent IS
    'Percentage of the price that the cancellation refunds.';
COMMENT ON COLUMN public.payments.capture_amount IS
    'Amount to capture if it is not the whole amount: the part that we keep after a cancellation.';
COMMENT ON COLUMN public.payments.original_authorization_id IS
    'The first authorization of a reauthorized payment: the one that can be voided.';
COMMENT ON TABLE public.cancellation_rules IS
    'A cancellation at least this many days before the pick-up refunds this percentage of the price.';
COMMENT ON COLUMN public.webhook_events.result IS
    'applied, nothing_new, reported (for an operator), ignored (a type without effect here), or the '
    'error of a dead letter.';
COMMENT ON TABLE public.payment_findings IS
    'Differences between us and PayPal, or between money and booking. One row for each payment and '
    'kind, open until resolved_at.';

INSERT INTO public.schema_migrations (version) VALUES ('20250714000000_add_function_registry')
ON CONFLICT DO NOTHING;
COMMIT;
