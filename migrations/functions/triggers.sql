-- Every trigger. Applied after the functions that they call.
--
-- CREATE TRIGGER locks its table against writers, so a trigger is created only where it is missing
-- or different. Each definition is written as pg_get_triggerdef prints it, because it is compared
-- with that output. Line breaks do not count.
--
-- Functions of other files:
--   audit.sql           audit_capture, audit_finding, audit_payment, audit_refund, audit_rule,
--                       record_booking_event, refuse_change
--   capture_rules.sql   capture_plan, schedule_payment_capture
--   reconciliation.sql  schedule_comparison
--   retention.sql       guard_log
--   states.sql          guard_booking_state, guard_payment_state

-- The runbook's rollback drops these columns. A schedule trigger without them would refuse every
-- confirmation. 20250703000000_add_payment_capture_rules.sql adds them the first time.
DO $$
BEGIN
    IF (SELECT count(*) < 3 FROM pg_catalog.pg_attribute
        WHERE attrelid = 'public.bookings'::pg_catalog.regclass AND NOT attisdropped
          AND attname IN ('payment_capture_scheduled_at', 'payment_capture_attempted_at',
                          'payment_capture_rule_id')) THEN
        ALTER TABLE public.bookings
            ADD COLUMN IF NOT EXISTS payment_capture_scheduled_at timestamptz,
            ADD COLUMN IF NOT EXISTS payment_capture_attempted_at timestamptz,
            ADD COLUMN IF NOT EXISTS payment_capture_rule_id uuid
                REFERENCES public.payment_capture_rules ON DELETE SET NULL;
    END IF;
END;
$$;

DO $$
DECLARE
    v_definition text;
    v_reschedule boolean := false;
BEGIN
    FOREACH v_definition IN ARRAY ARRAY [
        -- A booking that is inserted as confirmed gets its schedule. An unpaid hold has none.
        'CREATE TRIGGER booking_creation_payment_capture BEFORE INSERT ON public.bookings
         FOR EACH ROW WHEN ((new.status = ANY (ARRAY[''upcoming''::text, ''active''::text])))
         EXECUTE FUNCTION internal.schedule_payment_capture()',
        -- A paid hold gets its schedule. A contract, an approval or another payment may change it.
        'CREATE TRIGGER booking_confirmation_payment_capture BEFORE UPDATE ON public.bookings
         FOR EACH ROW WHEN (((new.status = ANY (ARRAY[''upcoming''::text, ''active''::text, ''completed''::text]))
         AND ((old.status = ANY (ARRAY[''pending_payment''::text, ''expired''::text]))
         OR (old.contract_signed_at IS DISTINCT FROM new.contract_signed_at)
         OR (old.approved_at IS DISTINCT FROM new.approved_at)
         OR (old.confirmed_at IS DISTINCT FROM new.confirmed_at))))
         EXECUTE FUNCTION internal.schedule_payment_capture()',
        'CREATE TRIGGER booking_state_guard BEFORE UPDATE ON public.bookings
         FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status))
         EXECUTE FUNCTION internal.guard_booking_state()',
        'CREATE TRIGGER booking_event_trace AFTER INSERT OR UPDATE ON public.bookings
         FOR EACH ROW EXECUTE FUNCTION internal.record_booking_event()',
        'CREATE TRIGGER payment_state_guard BEFORE UPDATE ON public.payments
         FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status))
         EXECUTE FUNCTION internal.guard_payment_state()',
        -- A payment is compared with PayPal after each change, and not before it has an order.
        'CREATE TRIGGER payment_comparison_change BEFORE UPDATE ON public.payments
         FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status)
         OR (old.order_id IS DISTINCT FROM new.order_id)
         OR (old.authorization_id IS DISTINCT FROM new.authorization_id)
         OR (old.capture_id IS DISTINCT FROM new.capture_id)
         OR (old.captured_amount IS DISTINCT FROM new.captured_amount)
         OR (old.refunded_amount IS DISTINCT FROM new.refunded_amount)
         OR (old.void_reason IS DISTINCT FROM new.void_reason)))
         EXECUTE FUNCTION internal.schedule_comparison()',
        'CREATE TRIGGER payment_comparison_start BEFORE INSERT ON public.payments
         FOR EACH ROW EXECUTE FUNCTION internal.schedule_comparison()',
        -- Every movement of money is audited, whoever causes it.
        'CREATE TRIGGER payment_audit AFTER UPDATE ON public.payments
         FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status)
         OR (old.amount IS DISTINCT FROM new.amount)
         OR (old.captured_amount IS DISTINCT FROM new.captured_amount)
         OR (old.refunded_amount IS DISTINCT FROM new.refunded_amount)))
         EXECUTE FUNCTION internal.audit_payment()',
        'CREATE TRIGGER payment_capture_audit AFTER INSERT ON public.payment_captures
         FOR EACH ROW EXECUTE FUNCTION internal.audit_capture()',
        'CREATE TRIGGER payment_capture_change_audit AFTER UPDATE ON public.payment_captures
         FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status) OR (old.amount IS DISTINCT FROM new.amount)))
         EXECUTE FUNCTION internal.audit_capture()',
        'CREATE TRIGGER refund_audit AFTER INSERT ON public.refunds
         FOR EACH ROW EXECUTE FUNCTION internal.audit_refund()',
        'CREATE TRIGGER refund_change_audit AFTER UPDATE ON public.refunds
         FOR EACH ROW WHEN (((old.status IS DISTINCT FROM new.status) OR (old.amount IS DISTINCT FROM new.amount)))
         EXECUTE FUNCTION internal.audit_refund()',
        'CREATE TRIGGER payment_finding_audit AFTER INSERT OR UPDATE ON public.payment_findings
         FOR EACH ROW EXECUTE FUNCTION internal.audit_finding()',
        -- Prices and rules decide how much money moves, and when.
        'CREATE TRIGGER car_pricing_audit AFTER INSERT OR DELETE OR UPDATE ON public.car_pricing
         FOR EACH ROW EXECUTE FUNCTION internal.audit_rule(''price'')',
        'CREATE TRIGGER car_fees_audit AFTER INSERT OR DELETE OR UPDATE ON public.car_fees
         FOR EACH ROW EXECUTE FUNCTION internal.audit_rule(''fee'')',
        'CREATE TRIGGER pricing_rules_audit AFTER INSERT OR DELETE OR UPDATE ON public.pricing_rules
         FOR EACH ROW EXECUTE FUNCTION internal.audit_rule(''pricing_rule'')',
        'CREATE TRIGGER payment_capture_rules_audit AFTER INSERT OR DELETE OR UPDATE ON public.payment_capture_rules
         FOR EACH ROW EXECUTE FUNCTION internal.audit_rule(''capture_rule'')',
        'CREATE TRIGGER cancellation_rules_audit AFTER INSERT OR DELETE OR UPDATE ON public.cancellation_rules
         FOR EACH ROW EXECUTE FUNCTION internal.audit_rule(''cancellation_rule'')',
        -- These also bind the owner of the table, whom privileges do not stop.
        'CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE ON public.audit_log
         FOR EACH ROW EXECUTE FUNCTION internal.guard_log()',
        'CREATE TRIGGER audit_log_not_truncated BEFORE TRUNCATE ON public.audit_log
         FOR EACH STATEMENT EXECUTE FUNCTION internal.refuse_change()',
        'CREATE TRIGGER security_events_append_only BEFORE DELETE OR UPDATE ON public.security_events
         FOR EACH ROW EXECUTE FUNCTION internal.guard_log()',
        'CREATE TRIGGER security_events_not_truncated BEFORE TRUNCATE ON public.security_events
         FOR EACH STATEMENT EXECUTE FUNCTION internal.refuse_change()',
        'CREATE TRIGGER booking_events_append_only BEFORE DELETE OR UPDATE ON public.booking_events
         FOR EACH ROW EXECUTE FUNCTION internal.guard_log()',
        'CREATE TRIGGER booking_events_not_truncated BEFORE TRUNCATE ON public.booking_events
         FOR EACH STATEMENT EXECUTE FUNCTION internal.refuse_change()'
    ] LOOP
        v_definition := regexp_replace(v_definition, '\s+', ' ', 'g');
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger
                       WHERE NOT tgisinternal AND pg_catalog.pg_get_triggerdef(oid) = v_definition) THEN
            EXECUTE regexp_replace(v_definition, '^CREATE', 'CREATE OR REPLACE');
            v_reschedule := v_reschedule OR v_definition LIKE '%schedule_payment_capture()';
        END IF;
    END LOOP;

    -- Bookings that were paid while the triggers were missing get their schedule. CREATE TRIGGER
    -- has already locked out other writers, so this update cannot deadlock with them.
    IF v_reschedule THEN
        UPDATE public.bookings AS b
        SET payment_capture_scheduled_at = plan.capture_at, payment_capture_rule_id = plan.rule_id
        FROM (
            SELECT paid.id, p.capture_at, p.rule_id
            FROM public.bookings AS paid CROSS JOIN LATERAL internal.capture_plan(paid) AS p
            WHERE paid.status IN ('upcoming', 'active', 'completed')
              AND paid.payment_capture_scheduled_at IS NULL
              AND EXISTS (SELECT FROM public.payments AS owed
                          WHERE owed.booking_id = paid.id AND owed.void_reason IS NULL
                            AND owed.status IN ('authorized', 'capturing'))
        ) AS plan
        WHERE b.id = plan.id AND plan.capture_at IS NOT NULL;
    END IF;
END;
$$;

-- The trigger of an earlier version called it.
DROP FUNCTION IF EXISTS internal.audit_payment_state();

-- An ordinary trigger is off in a session with session_replication_role = replica, which the owner
-- of a Supabase database may set. These are always on.
DO $$
DECLARE
    v_trigger record;
BEGIN
    FOR v_trigger IN
        SELECT t.tgname, t.tgrelid::regclass AS on_table FROM pg_catalog.pg_trigger AS t
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'A'
          AND t.tgfoid IN ('internal.guard_log()'::regprocedure, 'internal.refuse_change()'::regprocedure)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', v_trigger.on_table, v_trigger.tgname);
    END LOOP;
END;
$$;
