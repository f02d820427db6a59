-- The inbox of PayPal's events. One worker applies an event, once. A failed event is retried after
-- 1, 5, 15, 60 and 60 minutes, then kept as a dead letter for an operator.
--
-- Functions of other files:
--   audit.sql    audit
--   formats.sql  utc

-- The pause after this many attempts. NULL: no further attempt.
CREATE OR REPLACE FUNCTION internal.webhook_backoff(p_attempts integer) RETURNS interval
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN (ARRAY ['1 minute', '5 minutes', '15 minutes', '60 minutes', '60 minutes']::interval[])[p_attempts];
END;
$$;

-- Makes an event that could not be applied a dead letter, for an operator.
CREATE OR REPLACE FUNCTION internal.keep_dead_letter(p_event_id text, p_error_code text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.webhook_events SET status = 'dead_letter', result = p_error_code WHERE event_id = p_event_id;
    DELETE FROM public.webhook_retries WHERE event_id = p_event_id;
END;
$$;

-- Claims an event for two minutes and returns it. After six attempts without an outcome it returns
-- NULL and keeps the event as a dead letter. The caller has locked the row of webhook_retries.
CREATE OR REPLACE FUNCTION internal.lease_webhook_event(p_event_id text, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_retry public.webhook_retries;
BEGIN
    SELECT * INTO v_retry FROM public.webhook_retries WHERE event_id = p_event_id;
    IF v_retry.attempts > 0 AND internal.webhook_backoff(v_retry.attempts) IS NULL THEN
        PERFORM internal.keep_dead_letter(p_event_id, coalesce(v_retry.last_error, 'abandoned'));
        RETURN NULL;
    END IF;
    UPDATE public.webhook_retries
    SET attempts = attempts + 1, lease_id = gen_random_uuid(), lease_expires_at = p_now + interval '2 minutes', updated_at = p_now
    WHERE event_id = p_event_id RETURNING * INTO v_retry;
    RETURN (
        SELECT jsonb_build_object('eventId', e.event_id, 'body', convert_from(e.raw_body, 'UTF8'), 'lease', v_retry.lease_id, 'attempt', v_retry.attempts)
        FROM public.webhook_events AS e WHERE e.event_id = p_event_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.store_webhook_event(
    p_event_id text, p_event_type text, p_body text, p_resource_id text DEFAULT NULL, p_request_id text DEFAULT NULL,
    p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_event public.webhook_events;
    v_retry public.webhook_retries;
BEGIN
    INSERT INTO public.webhook_events (event_id, event_type, resource_id, raw_body, request_id, received_at)
    VALUES (p_event_id, p_event_type, p_resource_id, convert_to(p_body, 'UTF8'), p_request_id, p_now)
    ON CONFLICT (event_id) DO NOTHING;
    IF FOUND THEN
        INSERT INTO public.webhook_retries (event_id, next_attempt_at, updated_at) VALUES (p_event_id, p_now, p_now);
        RETURN jsonb_build_object('outcome', 'stored', 'work', internal.lease_webhook_event(p_event_id, p_now));
    END IF;
    SELECT * INTO v_event FROM public.webhook_events WHERE event_id = p_event_id;
    SELECT * INTO v_retry FROM public.webhook_retries WHERE event_id = p_event_id FOR UPDATE;
    IF v_event.status = 'received' AND v_retry.next_attempt_at <= p_now AND coalesce(v_retry.lease_expires_at <= p_now, true) THEN
        RETURN jsonb_build_object('outcome', 'known', 'work', internal.lease_webhook_event(p_event_id, p_now));
    END IF;
    RETURN jsonb_build_object('outcome', 'known', 'work', NULL);
END;
$$;
COMMENT ON FUNCTION public.store_webhook_event IS
    'Stores a verified event, once by its id. Outcomes: stored, known. Both have work {eventId, '
    'body, lease, attempt} if the caller is to apply the event: a new one, or one that is due and '
    'not claimed. work is null for an event that is applied, waiting or claimed. Ends with '
    'record_webhook_result or record_webhook_failure.';

CREATE OR REPLACE FUNCTION public.claim_webhook_events(p_limit integer DEFAULT 25, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_due     text[];
    v_claimed jsonb := '[]';
    v_id      text;
BEGIN
    SELECT coalesce(array_agg(due.event_id), '{}') INTO v_due FROM (
        SELECT r.event_id FROM public.webhook_retries AS r
        WHERE r.next_attempt_at <= p_now AND coalesce(r.lease_expires_at <= p_now, true)
        ORDER BY r.next_attempt_at, r.event_id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) AS due;
    FOREACH v_id IN ARRAY v_due LOOP
        v_claimed := v_claimed || coalesce(internal.lease_webhook_event(v_id, p_now), '[]');
    END LOOP;
    RETURN v_claimed;
END;
$$;
COMMENT ON FUNCTION public.claim_webhook_events IS
    'Claims up to p_limit due events for 2 minutes: [{eventId, body, lease, attempt}]. Two runs '
    'claim disjoint events (SKIP LOCKED). An event whose sixth attempt had no outcome becomes a '
    'dead letter instead.';

CREATE OR REPLACE FUNCTION public.record_webhook_result(
    p_event_id text, p_lease uuid, p_result text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM FROM public.webhook_retries WHERE event_id = p_event_id AND lease_id = p_lease FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'lease_lost');
    END IF;
    UPDATE public.webhook_events SET status = 'processed', processed_at = p_now, result = p_result WHERE event_id = p_event_id;
    DELETE FROM public.webhook_retries WHERE event_id = p_event_id;
    PERFORM internal.audit('system', 'webhook.applied', 'webhook', p_event_id, jsonb_build_object('result', p_result), NULL, p_now);
    RETURN jsonb_build_object('outcome', 'recorded');
END;
$$;
COMMENT ON FUNCTION public.record_webhook_result IS
    'An event is applied: it becomes processed with p_result and goes to the audit log. Outcomes: '
    'recorded, lease_lost (another worker has claimed it: nothing written).';

CREATE OR REPLACE FUNCTION public.record_webhook_failure(
    p_event_id text, p_lease uuid, p_error_code text, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
DECLARE
    v_retry public.webhook_retries;
    v_wait  interval;
BEGIN
    SELECT * INTO v_retry FROM public.webhook_retries WHERE event_id = p_event_id AND lease_id = p_lease FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'lease_lost');
    END IF;
    v_wait := internal.webhook_backoff(v_retry.attempts);
    IF v_wait IS NULL THEN
        PERFORM internal.keep_dead_letter(p_event_id, p_error_code);
        RETURN jsonb_build_object('outcome', 'dead_letter');
    END IF;
    UPDATE public.webhook_retries
    SET next_attempt_at = p_now + v_wait, lease_id = NULL, lease_expires_at = NULL, last_error = p_error_code, updated_at = p_now
    WHERE event_id = p_event_id;
    RETURN jsonb_build_object('outcome', 'retry', 'nextAttemptAt', internal.utc(p_now + v_wait));
END;
$$;
COMMENT ON FUNCTION public.record_webhook_failure IS
    'An event could not be applied. Outcomes: retry (nextAttemptAt: 1, 5, 15, 60, 60 minutes '
    'after the attempts so far), dead_letter (six attempts failed; replay_webhook_event starts '
    'again), lease_lost (another worker has claimed it: nothing written).';

CREATE OR REPLACE FUNCTION public.replay_webhook_event(
    p_event_id text, p_actor text, p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' SET lock_timeout = '5s' AS $$
DECLARE
    v_event public.webhook_events;
BEGIN
    SELECT * INTO v_event FROM public.webhook_events WHERE event_id = p_event_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'event_not_found');
    END IF;
    IF v_event.status = 'dead_letter' THEN
        UPDATE public.webhook_events SET status = 'received', result = NULL WHERE event_id = p_event_id;
        INSERT INTO public.webhook_retries (event_id, next_attempt_at, updated_at) VALUES (p_event_id, p_now, p_now);
        PERFORM internal.audit(p_actor, 'webhook.replayed', 'webhook', p_event_id, NULL, p_request_id, p_now);
        RETURN jsonb_build_object('outcome', 'replayed', 'work', internal.lease_webhook_event(p_event_id, p_now));
    END IF;
    RETURN jsonb_build_object('outcome', CASE v_event.status WHEN 'processed' THEN 'already_processed' ELSE 'waiting' END);
END;
$$;
COMMENT ON FUNCTION public.replay_webhook_event IS
    'An operator has a dead letter applied again from the stored bytes, with six new attempts. '
    'Outcomes: replayed (work, as in store_webhook_event), already_processed, waiting (still '
    'being retried), event_not_found. Writes the audit log.';
