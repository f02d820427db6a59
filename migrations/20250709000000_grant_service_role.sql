-- Privileges on tables: service_role has the ones that the product needs, other roles have none.
-- Tables are named one by one, so that a later table stays closed until its own file grants it.
-- Privileges on functions are in functions/privileges.sql.

BEGIN;
SET LOCAL client_min_messages = warning;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, anon, authenticated;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, anon, authenticated;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    public.cars, public.car_pricing, public.car_fees, public.car_features, public.car_images,
    public.pricing_rules, public.customers, public.payment_capture_rules, public.webhook_events,
    public.webhook_retries, public.cron_runs
    TO service_role;
GRANT SELECT, INSERT, UPDATE ON public.bookings, public.payments, public.payment_operations TO service_role;
GRANT SELECT, INSERT ON public.booking_events, public.audit_log, public.security_events TO service_role;
GRANT SELECT ON public.schema_migrations TO service_role;
-- Supabase's defaults grant more. History must not change.
REVOKE UPDATE, DELETE, TRUNCATE ON public.booking_events, public.audit_log, public.security_events FROM service_role;

INSERT INTO public.schema_migrations (version) VALUES ('20250709000000_grant_service_role') ON CONFLICT DO NOTHING;
COMMIT;
