-- The requests of operators in the audit log: reads, and changes before and after their work.

CREATE OR REPLACE FUNCTION public.record_operator_request(
    p_actor text, p_action text, p_subject_type text, p_subject_id text, p_request_id text, p_detail jsonb DEFAULT NULL,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
BEGIN
    IF p_action NOT IN ('operator.read', 'operator.change', 'operator.outcome') OR p_request_id IS NULL THEN
        RAISE EXCEPTION 'no request of an operator' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO public.audit_log (occurred_at, actor, action, subject_type, subject_id, detail, request_id)
    VALUES (p_now, p_actor, p_action, p_subject_type, p_subject_id, jsonb_strip_nulls(coalesce(p_detail, '{}')), p_request_id)
    ON CONFLICT (request_id, action) WHERE action IN ('operator.read', 'operator.change', 'operator.outcome') DO NOTHING;
    RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'recorded' ELSE 'known' END);
END;
$$;
COMMENT ON FUNCTION public.record_operator_request IS
    'Writes one row to the audit log: operator.read for a finished read, operator.change before the '
    'work of a change, operator.outcome after it. Outcomes: recorded, known (the request has its row '
    'of this kind: nothing written). p_detail must hold no secrets and no personal data.';
