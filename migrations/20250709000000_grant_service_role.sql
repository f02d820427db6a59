-- Who may do what: service_role what the product needs, everybody else nothing. The API is named object by object, so
-- that what a later migration adds is closed until that migration opens it.

BEGIN;
SET LOCAL client_min_messages = warning;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, anon, authenticated;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, anon, authenticated;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA internal FROM PUBLIC, anon, authenticated;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    public.cars, public.car_pricing, public.car_fees, public.car_features, public.car_images, public.pricing_rules,
    public.customers, public.payment_capture_rules, public.webhook_events, public.webhook_retries, public.cron_runs
    TO service_role;
GRANT SELECT, INSERT, UPDATE ON public.bookings, public.payments, public.payment_operations TO service_role;
GRANT SELECT, INSERT ON public.booking_events, public.audit_log, public.security_events TO service_role;
GRANT SELECT ON public.schema_migrations TO service_role;
-- Supabase's defaults give more; what has happened stays written.
REVOKE UPDATE, DELETE, TRUNCATE ON public.booking_events, public.audit_log, public.security_events FROM service_role;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA internal TO service_role;

-- An extension may have put functions of its own into public; those are left alone.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated', v_function);
    END LOOP;
END;
$$;
GRANT EXECUTE ON FUNCTION
    public.list_cars, public.get_car, public.get_availability, public.popular_cars,
    public.calculate_booking_price, public.validate_booking_price,
    public.create_booking, public.get_booking, public.expire_holds,
    public.open_payment, public.record_paypal_order, public.begin_authorization, public.record_authorization,
    public.record_payment_failure, public.begin_void, public.record_void, public.authorizations_to_void,
    public.process_scheduled_payment_captures, public.record_reauthorization, public.record_capture,
    public.record_capture_failure, public.begin_cron_run, public.finish_cron_run, public.last_cron_run,
    public.record_security_event, public.health_check
    TO service_role;

INSERT INTO public.schema_migrations (version) VALUES ('20250709000000_grant_service_role') ON CONFLICT DO NOTHING;
COMMIT;
