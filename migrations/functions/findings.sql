-- Findings: differences between us and PayPal, or between money and booking, that a person must
-- resolve. A finding ends when its reason is gone, or when an operator acknowledges it.
--
-- Callers that write findings have locked the payment before.
--
-- Functions of other files:
--   audit.sql           audit_finding, as a trigger
--   formats.sql         pagination_json, utc
--   reconciliation.sql  next_comparison

-- Opens a finding. An open one keeps its time. A resolved one gets a new time. An acknowledged one
-- stays acknowledged until its detail changes or it is resolved.
CREATE OR REPLACE FUNCTION internal.open_finding(p_payment_id uuid, p_kind text, p_detail text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_finding public.payment_findings;
    v_is_new  boolean;
BEGIN
    SELECT * INTO v_finding FROM public.payment_findings WHERE payment_id = p_payment_id AND kind = p_kind;
    IF NOT FOUND THEN
        INSERT INTO public.payment_findings (payment_id, kind, detail, found_at) VALUES (p_payment_id, p_kind, coalesce(p_detail, ''), p_now);
        RETURN;
    END IF;
    v_is_new := v_finding.resolved_at IS NOT NULL
        OR (v_finding.acknowledged_at IS NOT NULL AND v_finding.detail <> coalesce(p_detail, ''));
    UPDATE public.payment_findings
    SET detail = coalesce(p_detail, ''), resolved_at = NULL, found_at = CASE WHEN v_is_new THEN p_now ELSE found_at END,
        acknowledged_at = CASE WHEN NOT v_is_new THEN acknowledged_at END, acknowledged_by = CASE WHEN NOT v_is_new THEN acknowledged_by END,
        acknowledgement = CASE WHEN NOT v_is_new THEN acknowledgement END
    WHERE payment_id = p_payment_id AND kind = p_kind;
END;
$$;

-- Resolves the findings of a payment that a comparison no longer shows. Disputes end by their own
-- events.
CREATE OR REPLACE FUNCTION internal.resolve_findings(p_payment_id uuid, p_findings jsonb, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payment_findings SET resolved_at = p_now
    WHERE payment_id = p_payment_id AND resolved_at IS NULL AND kind <> 'disputed'
      AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_findings) AS f WHERE f ->> 'kind' = payment_findings.kind);
END;
$$;

CREATE OR REPLACE FUNCTION public.record_finding(
    p_payment_id uuid, p_kind text, p_detail text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    PERFORM internal.open_finding(p_payment_id, p_kind, p_detail, p_now);
    UPDATE public.payments SET next_comparison_at = least(next_comparison_at, p_now + interval '50 minutes') WHERE id = p_payment_id;
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_finding IS
    'Opens a finding about a payment, or keeps it open. The payment is compared within the hour. '
    'Outcome: recorded. Locks the payment.';

-- A finding as the API returns it.
CREATE OR REPLACE FUNCTION internal.finding_json(p_finding public.payment_findings) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('paymentId', p_finding.payment_id, 'bookingId', b.id, 'reference', b.reference, 'kind', p_finding.kind,
            'detail', p_finding.detail, 'foundAt', internal.utc(p_finding.found_at), 'acknowledgedAt', internal.utc(p_finding.acknowledged_at),
            'acknowledgedBy', p_finding.acknowledged_by, 'acknowledgement', p_finding.acknowledgement)
        FROM public.payments AS p JOIN public.bookings AS b ON b.id = p.booking_id WHERE p.id = p_finding.payment_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.acknowledge_finding(
    p_payment_id uuid, p_kind text, p_reason text, p_actor text, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
DECLARE
    v_finding public.payment_findings;
BEGIN
    PERFORM FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    SELECT * INTO v_finding FROM public.payment_findings WHERE payment_id = p_payment_id AND kind = p_kind AND resolved_at IS NULL;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'finding_not_found');
    END IF;
    IF v_finding.acknowledged_at IS NULL THEN
        PERFORM set_config('exodrive.request_id', coalesce(p_request_id, ''), true);
        UPDATE public.payment_findings SET acknowledged_at = p_now, acknowledged_by = p_actor, acknowledgement = p_reason
        WHERE payment_id = p_payment_id AND kind = p_kind RETURNING * INTO v_finding;
        UPDATE public.payments AS p SET next_comparison_at = internal.next_comparison(p, p_now) WHERE id = p_payment_id;
    END IF;
    RETURN jsonb_build_object('outcome', 'acknowledged', 'finding', internal.finding_json(v_finding));
END;
$$;
COMMENT ON FUNCTION public.acknowledge_finding IS
    'An operator has dealt with a finding, or accepts it. It leaves the open list until its detail '
    'changes, and no longer keeps its payment in the hourly comparison. Outcomes: acknowledged '
    '(finding, also the second time: the first reason stays), finding_not_found (none of that kind is '
    'open). Locks the payment. Writes the audit log.';

CREATE OR REPLACE FUNCTION public.payment_drift(
    p_page integer DEFAULT 1, p_limit integer DEFAULT 50, p_acknowledged boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '8s' AS $$
BEGIN
    RETURN jsonb_build_object(
        'findings', (
            SELECT coalesce(jsonb_agg(internal.finding_json(page) ORDER BY page.found_at DESC, page.payment_id, page.kind), '[]') FROM (
                SELECT f.* FROM public.payment_findings AS f
                WHERE f.resolved_at IS NULL AND (f.acknowledged_at IS NOT NULL) = p_acknowledged
                ORDER BY f.found_at DESC, f.payment_id, f.kind LIMIT p_limit OFFSET (p_page - 1) * p_limit
            ) AS page),
        'pagination', internal.pagination_json(p_page, p_limit, (
            SELECT count(*) FROM public.payment_findings AS f WHERE f.resolved_at IS NULL AND (f.acknowledged_at IS NOT NULL) = p_acknowledged)),
        'deadLetters', (
            SELECT coalesce(jsonb_agg(dead.row ORDER BY dead.received_at DESC, dead.event_id), '[]') FROM (
                SELECT jsonb_build_object('eventId', e.event_id, 'eventType', e.event_type, 'resourceId', e.resource_id,
                    'error', e.result, 'receivedAt', internal.utc(e.received_at)) AS row, e.received_at, e.event_id
                FROM public.webhook_events AS e WHERE e.status = 'dead_letter'
                ORDER BY e.received_at DESC, e.event_id LIMIT p_limit OFFSET (p_page - 1) * p_limit
            ) AS dead),
        'deadLetterPagination', internal.pagination_json(p_page, p_limit, (
            SELECT count(*) FROM public.webhook_events AS e WHERE e.status = 'dead_letter')));
END;
$$;
COMMENT ON FUNCTION public.payment_drift IS
    '{findings: [{paymentId, bookingId, reference, kind, detail, foundAt, acknowledgedAt, '
    'acknowledgedBy, acknowledgement}], pagination, deadLetters: [{eventId, eventType, resourceId, '
    'error, receivedAt}], deadLetterPagination}: one page of each, newest first. p_acknowledged '
    'chooses the open findings that are acknowledged, otherwise the others. Reads only.';
