-- Privileges on functions: service_role has the ones that the product needs, other roles have none.
-- Applied when every function exists. Functions of the API are named one by one, so that a new one
-- stays closed until it is named here. Grants on tables belong to the dated files.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA internal FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA internal TO service_role;

-- Functions of an extension in schema public keep their privileges.
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
    public.list_cars, public.get_car, public.popular_cars, public.get_availability,
    public.calculate_booking_price, public.validate_booking_price,
    public.create_booking, public.get_booking, public.cancel_booking, public.expire_holds,
    public.advance_bookings,
    public.open_payment, public.record_paypal_order, public.record_payment_failure,
    public.end_paypal_order, public.lost_orders, public.close_lost_orders,
    public.begin_authorization, public.record_authorization,
    public.claim_reauthorization, public.record_reauthorization,
    public.record_reauthorization_failure, public.release_payment,
    public.begin_void, public.record_void, public.record_void_failure, public.authorizations_to_void,
    public.process_scheduled_payment_captures, public.claim_payment_capture,
    public.record_capture, public.record_capture_failure,
    public.order_refund, public.begin_refund, public.record_refund, public.record_refund_failure,
    public.refunds_due,
    public.store_webhook_event, public.claim_webhook_events, public.record_webhook_result,
    public.record_webhook_failure, public.replay_webhook_event,
    public.find_payment, public.payments_to_reconcile, public.record_reconciliation,
    public.record_comparison_failure, public.record_finding, public.acknowledge_finding,
    public.record_dispute, public.record_observed_authorization, public.record_observed_capture,
    public.record_observed_refund, public.record_observed_end, public.payment_drift,
    public.list_bookings, public.list_audit, public.record_operator_request,
    public.delete_expired_rows,
    public.begin_cron_run, public.finish_cron_run, public.last_cron_run,
    public.record_security_event, public.health_check
    TO service_role;

-- Bookings and movements of money are never deleted. Supabase's defaults give service_role every
-- privilege on a table. Nothing is changed where nothing is to be taken away.
DO $$
DECLARE
    v_table regclass;
BEGIN
    FOREACH v_table IN ARRAY ARRAY [
        'public.bookings', 'public.payments', 'public.payment_operations', 'public.payment_captures', 'public.refunds',
        'public.payment_disputes', 'public.payment_findings'
    ]::regclass[] LOOP
        IF has_table_privilege('service_role', v_table, 'DELETE, TRUNCATE') THEN
            EXECUTE format('REVOKE DELETE, TRUNCATE ON %s FROM service_role', v_table);
        END IF;
    END LOOP;
END;
$$;
