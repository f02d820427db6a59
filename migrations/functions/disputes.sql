-- Disputes of payers at PayPal. A payment is the finding `disputed` while one of its disputes is
-- open.
--
-- Functions of other files:
--   audit.sql           audit
--   findings.sql        open_finding
--   reconciliation.sql  payment_of_paypal_id

-- Whether a dispute about a payment is open.
CREATE OR REPLACE FUNCTION internal.is_disputed(p_payment_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.payment_disputes WHERE payment_id = p_payment_id AND resolved_at IS NULL);
END;
$$;

-- Opens the finding of a payment with the ids of its open disputes, or resolves it.
CREATE OR REPLACE FUNCTION internal.show_disputes(p_payment_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_open text;
BEGIN
    SELECT string_agg(dispute_id, ' ' ORDER BY opened_at, dispute_id) INTO v_open
    FROM public.payment_disputes WHERE payment_id = p_payment_id AND resolved_at IS NULL;
    IF v_open IS NOT NULL THEN
        PERFORM internal.open_finding(p_payment_id, 'disputed', v_open, p_now);
    ELSE
        UPDATE public.payment_findings SET resolved_at = p_now
        WHERE payment_id = p_payment_id AND kind = 'disputed' AND resolved_at IS NULL;
    END IF;
END;
$$;

-- Records the state of one dispute about one payment. A resolved dispute stays resolved, so the
-- order of the events does not matter.
CREATE OR REPLACE FUNCTION internal.record_dispute_of(
    p_dispute_id text, p_payment_id uuid, p_is_resolved boolean, p_outcome text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_payment public.payments;
    v_before  public.payment_disputes;
BEGIN
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    SELECT * INTO v_before FROM public.payment_disputes WHERE dispute_id = p_dispute_id AND payment_id = p_payment_id;
    IF v_before.resolved_at IS NOT NULL OR (v_before.dispute_id IS NOT NULL AND NOT p_is_resolved) THEN
        RETURN;
    END IF;
    INSERT INTO public.payment_disputes AS d (dispute_id, payment_id, outcome, opened_at, resolved_at)
    VALUES (p_dispute_id, p_payment_id, p_outcome, p_now, CASE WHEN p_is_resolved THEN p_now END)
    ON CONFLICT (dispute_id, payment_id) DO UPDATE SET outcome = excluded.outcome, resolved_at = excluded.resolved_at;
    PERFORM internal.audit('paypal', CASE WHEN p_is_resolved THEN 'dispute.resolved' ELSE 'dispute.opened' END, 'payment', p_payment_id::text,
        jsonb_build_object('bookingId', v_payment.booking_id, 'disputeId', p_dispute_id, 'outcome', p_outcome,
            'captured', v_payment.captured_amount::text, 'refunded', v_payment.refunded_amount::text, 'currency', v_payment.currency), NULL, p_now);
    PERFORM internal.show_disputes(p_payment_id, p_now);
    IF NOT internal.is_disputed(p_payment_id) THEN
        -- PayPal refused these refunds because of the dispute.
        UPDATE public.refunds SET next_attempt_at = p_now
        WHERE payment_id = p_payment_id AND status = 'ordered' AND next_attempt_at > p_now
          AND failure_code IN ('TRANSACTION_DISPUTED', 'PENDING_CAPTURE');
    END IF;
    -- PayPal may have moved money.
    UPDATE public.payments SET next_comparison_at = least(next_comparison_at, p_now) WHERE id = p_payment_id;
END;
$$;

CREATE OR REPLACE FUNCTION public.record_dispute(
    p_dispute_id text, p_transactions text[], p_is_resolved boolean, p_outcome text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payments uuid[];
    v_id       uuid;
BEGIN
    -- In one order, so that two events cannot wait for each other.
    SELECT coalesce(array_agg(DISTINCT known.id ORDER BY known.id), '{}') INTO v_payments FROM (
        SELECT (internal.payment_of_paypal_id(t.id)).id FROM unnest(p_transactions) AS t (id)
        UNION ALL SELECT payment_id FROM public.payment_disputes WHERE dispute_id = p_dispute_id
    ) AS known (id) WHERE known.id IS NOT NULL;
    FOREACH v_id IN ARRAY v_payments LOOP
        PERFORM internal.record_dispute_of(p_dispute_id, v_id, p_is_resolved, p_outcome, p_now);
    END LOOP;
    RETURN jsonb_build_object('outcome', CASE WHEN v_payments = '{}' THEN 'unknown_payment' ELSE 'recorded' END);
END;
$$;
COMMENT ON FUNCTION public.record_dispute IS
    'PayPal reports a dispute about transactions, which are the ids of captures. p_outcome is '
    'PayPal''s word for the end of a resolved one. Outcomes: recorded (also when nothing is new; a '
    'resolved dispute never opens again), unknown_payment (no transaction is ours). The payments are '
    'compared at the next run, and a refund that waited for the end of the dispute is due at once. '
    'Locks the payments. Writes the finding, the refunds that waited and the audit log.';
