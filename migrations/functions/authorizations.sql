-- From an approved order to a confirmed booking.
--
-- Functions of other files:
--   availability.sql   is_live
--   bookings.sql       lock_booking
--   capture_rules.sql  capture_scheduled_at
--   formats.sql        money, utc
--   holds.sql          expire_colliding_holds, hold_limit, hold_until, price_still_stands
--   listing.sql        local_day
--   orders.sql         end_order, keep_hold
--   payments.sql       close_operation, has_live_lease, known_operation, open_operation,
--                      payment_refusal, standing_refusal
--   voids.sql          end_denied_hold

-- The response of begin_authorization and record_authorization.
CREATE OR REPLACE FUNCTION internal.authorization_json(
    p_outcome text, p_booking_id uuid, p_payment_id uuid, p_request_id text, p_resumed boolean
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'outcome', p_outcome, 'paymentId', p.id, 'bookingId', b.id, 'reference', b.reference, 'bookingStatus', b.status,
            'amount', internal.money(p.amount), 'currency', p.currency, 'requestId', p_request_id, 'resumed', p_resumed,
            'authorizationId', p.authorization_id, 'captureScheduledAt', internal.utc(internal.capture_scheduled_at(b)),
            'holdExpiresAt', CASE WHEN b.status = 'pending_payment' THEN internal.utc(b.hold_expires_at) END,
            'carId', c.id, 'carSlug', c.slug)
        FROM public.bookings AS b
        JOIN public.payments AS p ON p.booking_id = b.id
        JOIN public.cars AS c ON c.id = b.car_id
        WHERE b.id = p_booking_id AND p.id = p_payment_id);
END;
$$;

-- The outcome for an order whose payment needs no authorization, or NULL.
CREATE OR REPLACE FUNCTION internal.settled_outcome(p_booking public.bookings, p_payment public.payments) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_payment.void_reason IS NULL THEN CASE
            WHEN p_payment.status = 'created' THEN NULL
            WHEN p_payment.status = 'authorization_pending' THEN 'pending'
            WHEN p_payment.status NOT IN ('voided', 'failed', 'expired', 'refunded')
                 AND p_booking.status IN ('upcoming', 'active', 'completed') THEN 'already_authorized'
            WHEN p_booking.status = 'cancelled' THEN 'booking_not_payable'
            ELSE 'order_ended' END
        WHEN p_booking.status = 'cancelled' THEN 'booking_not_payable'
        ELSE 'order_ended'
    END;
END;
$$;

-- Whether the hold of an unpaid booking is over, and no new order can revive it.
CREATE OR REPLACE FUNCTION internal.needs_new_booking(p_booking public.bookings, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_booking.status IN ('pending_payment', 'expired') AND p_now >= internal.hold_limit(p_booking)
       AND NOT internal.is_live(p_booking.status, p_booking.hold_expires_at, p_now);
END;
$$;

-- The reason why an order of a created payment must not be authorized, or NULL. Holds the days as
-- long as p_seen allows: 60 minutes in all, or with an approved order until that order's life ends,
-- but not past the day for which the price stands. approval_unknown: only an approved order can
-- still hold the days.
CREATE OR REPLACE FUNCTION internal.authorization_refusal(
    p_booking public.bookings, p_order public.payment_operations, p_seen text, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_limit     timestamptz := internal.hold_limit(p_booking);
    v_order_end timestamptz := least(p_order.finished_at + interval '7 hours', p_booking.created_at + interval '24 hours');
    v_refusal   text;
BEGIN
    IF p_order.error_code IS NOT NULL THEN
        RETURN 'order_ended';
    END IF;
    v_refusal := coalesce(
        internal.payment_refusal(p_booking, p_now),
        internal.keep_hold(p_booking, CASE WHEN p_seen IS NULL THEN v_limit ELSE greatest(v_limit, v_order_end) END, p_now));
    RETURN CASE WHEN v_refusal = 'hold_expired' AND p_seen IS NULL AND p_now < v_order_end
        THEN 'approval_unknown' ELSE v_refusal END;
END;
$$;

-- An earlier version had no p_seen.
DROP FUNCTION IF EXISTS public.begin_authorization(text, timestamptz);
CREATE OR REPLACE FUNCTION public.begin_authorization(
    p_order_id text, p_seen text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_payment   public.payments;
    v_booking   public.bookings;
    v_order     public.payment_operations;
    v_doubt     public.payment_operations;
    v_refusal   text;
    v_operation record;
BEGIN
    SELECT p.* INTO v_payment
    FROM public.payment_operations AS o JOIN public.payments AS p ON p.id = o.payment_id
    WHERE o.operation = 'order' AND o.result_id = p_order_id;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'order_not_found');
    END IF;
    v_booking := internal.lock_booking(v_payment.booking_id);
    SELECT * INTO v_payment FROM public.payments WHERE id = v_payment.id FOR UPDATE;
    SELECT * INTO v_order FROM public.payment_operations WHERE payment_id = v_payment.id AND operation = 'order' AND result_id = p_order_id;

    v_refusal := internal.settled_outcome(v_booking, v_payment);
    IF v_refusal = 'order_ended' AND internal.needs_new_booking(v_booking, p_now) THEN
        v_refusal := 'hold_expired';
    END IF;
    IF v_refusal IN ('already_authorized', 'pending') THEN
        RETURN internal.authorization_json(v_refusal, v_booking.id, v_payment.id, (
            SELECT request_id FROM public.payment_operations
            WHERE payment_id = v_payment.id AND operation = 'authorize' AND result_id = v_payment.authorization_id
            ORDER BY seq DESC LIMIT 1), false);
    ELSIF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal);
    ELSIF internal.has_live_lease(v_payment, p_now) THEN
        RETURN jsonb_build_object('outcome', 'payment_in_progress');
    END IF;
    v_refusal := internal.authorization_refusal(v_booking, v_order, p_seen, p_now);
    IF p_seen = 'authorized' THEN
        -- PayPal holds the money. record_authorization decides what becomes of it.
        v_refusal := NULL;
    END IF;
    SELECT * INTO v_doubt FROM public.payment_operations
    WHERE payment_id = v_payment.id AND operation = 'authorize' AND status = 'open'
    ORDER BY (subject_id <> p_order_id) DESC, seq LIMIT 1;
    IF v_doubt.subject_id <> p_order_id THEN
        v_refusal := 'payment_in_progress';
    END IF;
    IF v_refusal IS NOT NULL AND v_doubt.request_id IS NULL THEN
        RETURN jsonb_build_object('outcome', v_refusal);
    END IF;

    UPDATE public.payments SET lease_expires_at = p_now + interval '60 seconds', updated_at = p_now
    WHERE id = v_payment.id;
    IF v_refusal IS NOT NULL THEN
        RETURN internal.authorization_json('look', v_booking.id, v_payment.id, v_doubt.request_id, true)
            || jsonb_build_object('orderId', v_doubt.subject_id, 'startedAt', internal.utc(v_doubt.started_at),
                                  'refusal', CASE v_refusal WHEN 'approval_unknown' THEN 'hold_expired' ELSE v_refusal END);
    END IF;
    SELECT * INTO v_operation FROM internal.open_operation(v_payment.id, 'authorize', p_order_id, p_now);
    RETURN internal.authorization_json('authorize', v_booking.id, v_payment.id, v_operation.request_id, v_operation.resumed);
END;
$$;
COMMENT ON FUNCTION public.begin_authorization IS
    'Before PayPal authorizes an order. p_seen is what PayPal has just shown of the order: '
    'approved, authorized or NULL (not asked). Outcomes: authorize (call with requestId; resumed: '
    'an earlier attempt has no known outcome); already_authorized, pending (repeat the response); '
    'look (nothing may be authorized, for the reason in refusal, but the attempt requestId of '
    'orderId has no known outcome: record what PayPal shows); approval_unknown (only an approved '
    'order can still hold the days: ask PayPal, and call again with p_seen); order_not_found; '
    'order_ended (the customer needs a new order); dates_unavailable (nothing may be charged); '
    'hold_expired (a new booking is needed); booking_not_payable; already_paid; '
    'payment_in_progress (claimed for 60 s by another caller, or PayPal reviews a payment). Keeps '
    'the hold for 15 minutes, at most to 60 minutes after its creation. An approved order keeps or '
    'revives it until 7 hours after the order, at most a day after the booking. An authorized order '
    'is always claimed. Locks car, booking, payment. Writes the hold, the claim and the operation.';

-- Confirms a booking that has just been paid. Returns NULL, or the reason why it cannot be
-- confirmed. An expired hold is confirmed while its days are free and its first day has not passed.
-- A booking that was confirmed before gets a new schedule, because confirmed_at changes.
CREATE OR REPLACE FUNCTION internal.confirm_booking(p_booking public.bookings, p_now timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_booking.status IN ('upcoming', 'active', 'completed') THEN
        UPDATE public.bookings SET confirmed_at = p_now, updated_at = p_now WHERE id = p_booking.id;
        RETURN NULL;
    END IF;
    IF p_booking.status NOT IN ('pending_payment', 'expired') OR internal.has_begun(p_booking, p_now) THEN
        RETURN 'booking_not_payable';
    END IF;
    IF p_booking.status = 'expired' THEN
        PERFORM internal.expire_colliding_holds(p_booking.car_id, p_booking.blocked, p_booking.shop_reference, p_now);
    END IF;
    UPDATE public.bookings SET status = 'upcoming', confirmed_at = p_now, updated_at = p_now WHERE id = p_booking.id;
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        RETURN 'dates_unavailable';
    WHEN unique_violation THEN
        -- Another live booking has taken the shop reference.
        RETURN 'booking_not_payable';
END;
$$;

-- Whether the day of the pick-up has passed.
CREATE OR REPLACE FUNCTION internal.has_begun(p_booking public.bookings, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (SELECT p_booking.start_date < internal.local_day(c, p_now) FROM public.cars AS c WHERE c.id = p_booking.car_id);
END;
$$;

-- Holds the days while PayPal reviews an authorization: for 72 hours, and not past the day of the
-- pick-up. Returns NULL, or the reason why the days cannot be held.
CREATE OR REPLACE FUNCTION internal.hold_for_review(p_booking public.bookings, p_now timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF p_booking.status IN ('upcoming', 'active', 'completed') THEN
        RETURN NULL;
    ELSIF p_booking.status NOT IN ('pending_payment', 'expired') OR internal.has_begun(p_booking, p_now) THEN
        RETURN 'booking_not_payable';
    ELSIF p_booking.status = 'expired' THEN
        PERFORM internal.expire_colliding_holds(p_booking.car_id, p_booking.blocked, p_booking.shop_reference, p_now);
    END IF;
    UPDATE public.bookings AS b
    SET status = 'pending_payment', updated_at = p_now,
        hold_expires_at = least(p_now + interval '72 hours', (b.start_date + 1)::timestamp AT TIME ZONE c.time_zone)
    FROM public.cars AS c WHERE b.id = p_booking.id AND c.id = b.car_id;
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        RETURN 'dates_unavailable';
    WHEN unique_violation THEN
        RETURN 'booking_not_payable';
END;
$$;

-- Ends the hold of a payment that PayPal denied: the customer has 15 minutes to pay in another way.
CREATE OR REPLACE FUNCTION internal.end_review(p_booking_id uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.bookings SET hold_expires_at = least(hold_expires_at, internal.hold_until(p_now)), updated_at = p_now
    WHERE id = p_booking_id AND status = 'pending_payment';
END;
$$;

-- Marks the earlier payments of a booking that has been paid again. The crons void what PayPal
-- still holds of them.
CREATE OR REPLACE FUNCTION internal.replace_payments(p_payment public.payments, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.payments SET void_reason = 'replaced', updated_at = p_now
    WHERE booking_id = p_payment.booking_id AND id <> p_payment.id AND void_reason IS NULL
      AND status IN ('voided', 'failed', 'expired', 'refunded');
END;
$$;

-- Writes a security event: PayPal authorized another amount or currency, or a second time.
CREATE OR REPLACE FUNCTION internal.record_payment_mismatch(
    p_payment public.payments, p_authorization_id text, p_amount numeric, p_currency text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.security_events (occurred_at, kind, detail)
    VALUES (p_now, 'payment_mismatch', jsonb_build_object(
        'paymentId', p_payment.id, 'bookingId', p_payment.booking_id, 'authorizationId', p_authorization_id,
        'amount', p_amount::text, 'currency', p_currency,
        'expectedAmount', internal.money(p_payment.amount), 'expectedCurrency', p_payment.currency));
END;
$$;

-- The outcome that says why an authorization is to be voided.
CREATE OR REPLACE FUNCTION internal.void_outcome(p_void_reason text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE WHEN p_void_reason IN ('payment_mismatch', 'dates_unavailable', 'already_paid')
        THEN p_void_reason ELSE 'booking_not_payable' END;
END;
$$;

-- The outcome of an authorization that was recorded before.
CREATE OR REPLACE FUNCTION internal.replayed_outcome(p_payment public.payments) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE
        WHEN p_payment.void_reason IS NOT NULL THEN internal.void_outcome(p_payment.void_reason)
        WHEN p_payment.status = 'authorization_pending' THEN 'pending'
        WHEN p_payment.failure_code = 'authorization_denied' THEN 'denied'
        ELSE 'replayed'
    END;
END;
$$;

-- An earlier version got only whether the amount is the price.
DROP FUNCTION IF EXISTS internal.settle_authorization(public.bookings, public.payments, text, text, text, boolean, timestamptz, timestamptz);

-- Writes the authorization that PayPal made for an order, and what becomes of the booking. The
-- order becomes the payment's order. Returns confirmed, pending, or the reason to void. The caller
-- holds the locks.
CREATE OR REPLACE FUNCTION internal.settle_authorization(
    p_booking public.bookings, p_payment public.payments, p_order_id text, p_authorization_id text, p_status text,
    p_amount numeric, p_currency text, p_expires_at timestamptz, p_now timestamptz
) RETURNS text
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_refusal text := CASE
        WHEN p_amount IS DISTINCT FROM p_payment.amount OR p_currency IS DISTINCT FROM p_payment.currency THEN 'payment_mismatch'
        WHEN p_payment.void_reason IS NOT NULL THEN p_payment.void_reason
        WHEN EXISTS (SELECT FROM public.payments AS other
                     WHERE other.booking_id = p_booking.id AND other.id <> p_payment.id AND other.void_reason IS NULL
                       AND other.status NOT IN ('created', 'voided', 'failed', 'expired', 'refunded')) THEN 'already_paid'
    END;
BEGIN
    -- The payment comes first: confirming schedules the capture, which depends on the end of
    -- the authorization.
    UPDATE public.payments AS p
    SET status = p_status, authorization_id = p_authorization_id, authorized_at = coalesce(p.authorized_at, p_now),
        authorization_expires_at = coalesce(p_expires_at, p.authorization_expires_at, p_now + interval '29 days'),
        authorized_amount = CASE WHEN p_currency = p.currency THEN p_amount END, order_id = coalesce(p_order_id, p.order_id),
        approve_url = CASE WHEN coalesce(p_order_id, p.order_id) = p.order_id THEN p.approve_url END,
        order_created_at = CASE WHEN coalesce(p_order_id, p.order_id) IS NOT DISTINCT FROM p.order_id THEN p.order_created_at
            ELSE coalesce((SELECT o.finished_at FROM public.payment_operations AS o
                           WHERE o.payment_id = p.id AND o.operation = 'order' AND o.result_id = p_order_id), p_now) END,
        pending_since = CASE WHEN p_status = 'authorization_pending' THEN p_now END,
        void_reason = v_refusal, voided_at = NULL, hold_ended_at = NULL, failure_code = NULL, lease_id = NULL, lease_expires_at = NULL, updated_at = p_now
    WHERE p.id = p_payment.id;
    -- An attempt without a known outcome need not be retried.
    UPDATE public.payment_operations
    SET status = 'succeeded', in_doubt = false, result_id = p_authorization_id, finished_at = p_now
    WHERE payment_id = p_payment.id AND operation = 'authorize' AND status = 'open' AND subject_id = p_order_id;
    v_refusal := coalesce(v_refusal, CASE p_status
        WHEN 'authorization_pending' THEN internal.hold_for_review(p_booking, p_now)
        ELSE internal.confirm_booking(p_booking, p_now) END);
    IF v_refusal IS NOT NULL THEN
        UPDATE public.payments SET void_reason = v_refusal WHERE id = p_payment.id;
        RETURN internal.void_outcome(v_refusal);
    ELSIF p_status = 'authorization_pending' THEN
        RETURN 'pending';
    END IF;
    PERFORM internal.replace_payments(p_payment, p_now);
    RETURN 'confirmed';
END;
$$;

-- An earlier version had no p_status.
DROP FUNCTION IF EXISTS public.record_authorization(uuid, text, text, numeric, text, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION public.record_authorization(
    p_payment_id uuid, p_request_id text, p_authorization_id text, p_amount numeric, p_currency text,
    p_expires_at timestamptz DEFAULT NULL, p_status text DEFAULT 'authorized', p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_booking   public.bookings;
    v_payment   public.payments;
    v_operation public.payment_operations;
    v_outcome   text;
BEGIN
    v_booking := internal.lock_booking((SELECT booking_id FROM public.payments WHERE id = p_payment_id));
    SELECT * INTO v_payment FROM public.payments WHERE id = p_payment_id FOR UPDATE;
    v_operation := internal.known_operation(p_payment_id, p_request_id);
    IF v_operation.status <> 'succeeded' THEN
        PERFORM internal.close_operation(p_request_id, 'succeeded', p_authorization_id, NULL, p_now);
    END IF;

    IF p_status = 'denied' AND (v_payment.status IN ('created', 'authorization_pending', 'voided', 'failed', 'expired')
                                OR v_payment.authorization_id <> p_authorization_id) THEN
        PERFORM internal.end_denied_hold(v_payment, p_authorization_id, p_now);
        PERFORM internal.end_order(p_payment_id, v_operation.subject_id, 'authorization_denied', p_now);
        v_outcome := 'denied';
    ELSIF p_authorization_id IN (v_payment.authorization_id, v_payment.original_authorization_id)
       AND (v_payment.status <> 'authorization_pending' OR p_status = 'authorization_pending') THEN
        v_outcome := internal.replayed_outcome(v_payment);
    ELSIF v_payment.authorization_id <> p_authorization_id
          OR v_payment.status NOT IN ('created', 'authorization_pending', 'voided', 'failed', 'expired') THEN
        -- A second authorization for one payment: the first stands, and the caller voids this one.
        PERFORM internal.record_payment_mismatch(v_payment, p_authorization_id, p_amount, p_currency, p_now);
        v_outcome := 'already_paid';
    ELSE
        IF p_amount IS DISTINCT FROM v_payment.amount OR p_currency IS DISTINCT FROM v_payment.currency THEN
            PERFORM internal.record_payment_mismatch(v_payment, p_authorization_id, p_amount, p_currency, p_now);
        END IF;
        v_outcome := internal.settle_authorization(v_booking, v_payment, v_operation.subject_id,
            p_authorization_id, p_status, p_amount, p_currency, p_expires_at, p_now);
    END IF;
    RETURN internal.authorization_json(v_outcome, v_booking.id, p_payment_id, p_request_id, false);
END;
$$;
COMMENT ON FUNCTION public.record_authorization IS
    'After PayPal has authorized. p_status: authorized, authorization_pending (PayPal reviews it) '
    'or denied (the review failed). Outcomes: confirmed (booking upcoming or paid again, capture '
    'scheduled); replayed; pending (nothing is confirmed, and the days are held for 72 h, not past '
    'the day of the pick-up); denied; and four that the caller must void: payment_mismatch (amount '
    'or currency; one row in security_events), already_paid (a second authorization of this payment '
    'or booking), dates_unavailable, booking_not_payable (cancelled meanwhile). The order becomes '
    'the payment''s order, and earlier payments are marked as replaced. The payment is marked before '
    'the void, so it is found after a crash (authorizations_to_void) and never captured. Locks car, '
    'booking, payments.';
