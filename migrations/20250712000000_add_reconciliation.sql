-- Findings: differences between our payments and PayPal's, open until they are gone.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.payment_findings (
    payment_id  uuid NOT NULL REFERENCES public.payments ON DELETE RESTRICT,
    kind        text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    detail      text NOT NULL DEFAULT '',
    found_at    timestamptz NOT NULL,
    resolved_at timestamptz,
    PRIMARY KEY (payment_id, kind)
);
CREATE INDEX IF NOT EXISTS payment_findings_open ON public.payment_findings (found_at) WHERE resolved_at IS NULL;
CREATE INDEX IF NOT EXISTS payments_unreconciled ON public.payments (reconciled_at NULLS FIRST, id) WHERE order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payments_by_original_authorization ON public.payments (original_authorization_id)
    WHERE original_authorization_id IS NOT NULL;
ALTER TABLE public.payment_findings ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE public.payment_findings IS
    'Differences between us and PayPal, or between money and booking. One row for each payment and '
    'kind, open until resolved_at.';

GRANT SELECT, INSERT, UPDATE ON public.payment_findings TO service_role;

INSERT INTO public.schema_migrations (version) VALUES ('20250712000000_add_reconciliation') ON CONFLICT DO NOTHING;
COMMIT;
