-- Who may do what: service_role what the product needs, everybody else nothing. The API is named object by object, so
-- that what a later migration adds is closed until that migration opens it.

BEGIN;
SET LOCAL client_min_messages = warning;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, anon, authenticated;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, anon, authenticated;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    public.cars, public.car_pricing, public.car_fees, public.car_features, public.car_images, public.pricing_rules,
    public.customers, public.payment_capture_rules, public.webhook_events, public.webhook_retries, public.cron_runs
    TO service_role;
GRANT SELECT, INSERT, UPDATE ON public.bookings, public.payments, public.payment_operations TO service_role;
GRANT SELECT, INSERT ON public.booking_events, public.audit_log, public.security_events TO service_role;
GRANT SELECT ON public.schema_migrations TO service_role;
-- Supabase's defaults give more; what has happened stays written.
REVOKE UPDATE, DELETE, TRUNCATE ON public.booking_events, public.audit_log, public.security_events FROM service_role;

INSERT INTO public.schema_migrations (version) VALUES ('20250709000000_grant_service_role') ON CONFLICT DO NOTHING;
COMMIT;
