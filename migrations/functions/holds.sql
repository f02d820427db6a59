-- Holds: unpaid bookings that keep their days for 15 minutes, and for 60 minutes in all unless the
-- payer has approved an order.
--
-- Locks are always taken in one order: car, booking, payment. Concurrent bookings of one car wait
-- for its row instead of deadlocking in the exclusion constraint. The constraint remains the last
-- check.
--
-- Functions of other files:
--   availability.sql  days_blocked_by, is_live, rental_refusals, unavailable_dates
--   bookings.sql      booking_json
--   listing.sql       listed_car
--   pricing.sql       quote_json, record_price_mismatch

-- The end of a hold that begins or is extended at p_now. The customer has 15 minutes to pay.
CREATE OR REPLACE FUNCTION internal.hold_until(p_now timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_now + interval '15 minutes';
END;
$$;

-- The end of a hold without an approved order, however often it is extended or revived: 60 minutes
-- after its creation.
CREATE OR REPLACE FUNCTION internal.hold_limit(p_booking public.bookings) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_booking.created_at + interval '60 minutes';
END;
$$;

-- Whether an expired hold may be revived at its price: within a day of its creation.
CREATE OR REPLACE FUNCTION internal.price_still_stands(p_booking public.bookings, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_booking.created_at > p_now - interval '24 hours';
END;
$$;

-- A new booking reference, such as EXO-7K2MPA.
CREATE OR REPLACE FUNCTION internal.new_reference() RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = '' AS $$
DECLARE
    v_reference text;
BEGIN
    LOOP
        SELECT 'EXO-' || string_agg(substr('23456789ABCDEFGHJKLMNPQRSTUVWXYZ', 1 + get_byte(r.bytes, n) % 32, 1), '')
        INTO v_reference
        FROM (SELECT uuid_send(gen_random_uuid()) AS bytes) AS r, generate_series(0, 5) AS n;
        EXIT WHEN NOT EXISTS (SELECT FROM public.bookings WHERE reference = v_reference);
    END LOOP;
    RETURN v_reference;
END;
$$;

-- The response to a request with an idempotency key that is known already, or NULL.
CREATE OR REPLACE FUNCTION internal.answer_by_key(p_key_hash text, p_request_hash text, p_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN b.request_hash = p_request_hash
            THEN jsonb_build_object('outcome', 'replayed', 'booking', internal.booking_json(b, p_now))
            ELSE jsonb_build_object('outcome', 'idempotency_key_reused') END
        FROM public.bookings AS b WHERE b.idempotency_key_hash = p_key_hash);
END;
$$;

-- The response to a request with a shop reference that is known already, or NULL (also for a car
-- that is not listed). An expired hold counts only for the same car and dates, and only while it
-- can be revived. After that the reference is free again.
CREATE OR REPLACE FUNCTION internal.answer_by_shop_reference(
    p_shop_reference text, p_car_id uuid, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT CASE
            WHEN found.same AND (found.live OR p_now < internal.hold_limit(found.booking))
                THEN jsonb_build_object('outcome', 'replayed', 'booking', internal.booking_json(found.booking, p_now))
            WHEN found.live THEN jsonb_build_object('outcome', 'booking_mismatch')
        END
        FROM (
            SELECT b AS booking, internal.is_live(b.status, b.hold_expires_at, p_now) AS live,
                   b.car_id = p_car_id AND b.start_date = p_start_date AND b.end_date = p_end_date AS same
            FROM public.bookings AS b
            WHERE b.shop_reference = p_shop_reference AND p_car_id IS NOT NULL
              AND b.status IN ('pending_payment', 'upcoming', 'active', 'expired')
            ORDER BY live DESC, same DESC, b.created_at DESC, b.id LIMIT 1
        ) AS found);
END;
$$;

-- The response to a request that is known by its key or by its shop reference, or NULL.
CREATE OR REPLACE FUNCTION internal.earlier_answer(
    p_key_hash text, p_request_hash text, p_shop_reference text, p_car_id uuid, p_start_date date, p_end_date date,
    p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN coalesce(internal.answer_by_key(p_key_hash, p_request_hash, p_now),
        internal.answer_by_shop_reference(p_shop_reference, p_car_id, p_start_date, p_end_date, p_now));
END;
$$;

-- Sets holds past their end to expired if they occupy these days or this shop reference. The caller
-- has locked the car. A locked hold of another car is skipped.
CREATE OR REPLACE FUNCTION internal.expire_colliding_holds(
    p_car_id uuid, p_days daterange, p_shop_reference text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE public.bookings SET status = 'expired', updated_at = p_now
    WHERE car_id = p_car_id AND blocked && p_days AND status = 'pending_payment' AND hold_expires_at <= p_now;
    UPDATE public.bookings SET status = 'expired', updated_at = p_now
    WHERE id IN (SELECT id FROM public.bookings
                 WHERE shop_reference = p_shop_reference AND status = 'pending_payment' AND hold_expires_at <= p_now
                 FOR UPDATE SKIP LOCKED);
END;
$$;

-- Stores {fullName, email, phone} and returns the customer's id, or NULL for another p_contact. One
-- address is one customer, and the latest data wins.
CREATE OR REPLACE FUNCTION internal.store_customer(p_contact jsonb, p_now timestamptz) RETURNS uuid
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO public.customers AS c (email, full_name, phone, created_at, updated_at)
    SELECT p_contact ->> 'email', p_contact ->> 'fullName', nullif(p_contact ->> 'phone', ''), p_now, p_now
    WHERE jsonb_typeof(p_contact) = 'object'
    ON CONFLICT (lower(email)) DO UPDATE
        SET full_name = excluded.full_name, phone = coalesce(excluded.phone, c.phone), updated_at = excluded.updated_at
    RETURNING id INTO v_id;
    RETURN v_id;
END;
$$;

-- The members fullName, email and phone of an object, or NULL if it is no object.
CREATE OR REPLACE FUNCTION internal.contact_json(p_customer jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN CASE WHEN jsonb_typeof(p_customer) = 'object' THEN jsonb_build_object(
        'fullName', p_customer ->> 'fullName', 'email', p_customer ->> 'email',
        'phone', nullif(p_customer ->> 'phone', '')) END;
END;
$$;

-- Inserts the hold at this price.
CREATE OR REPLACE FUNCTION internal.insert_hold(
    p_car public.cars, p_start_date date, p_end_date date, p_price jsonb, p_contact jsonb, p_key_hash text,
    p_request_hash text, p_shop_reference text, p_request_id text, p_now timestamptz
) RETURNS public.bookings
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_booking public.bookings;
BEGIN
    INSERT INTO public.bookings (
        reference, car_id, customer_id, contact, status, start_date, end_date, turnaround_days,
        currency, base_price_per_day, price_lines, rental_amount, fees, discount_amount, taxes, deposit_amount, final_price,
        shop_reference, idempotency_key_hash, request_hash, request_id, hold_expires_at, created_at, updated_at)
    VALUES (internal.new_reference(), p_car.id, internal.store_customer(p_contact, p_now), p_contact, 'pending_payment',
           p_start_date, p_end_date, p_car.turnaround_days, p_price ->> 'currency',
           (p_price ->> 'basePricePerDay')::numeric, p_price -> 'lines', (p_price ->> 'rentalAmount')::numeric,
           (p_price ->> 'fees')::numeric, (p_price ->> 'discountAmount')::numeric, (p_price ->> 'taxes')::numeric,
           (p_price ->> 'depositAmount')::numeric, (p_price ->> 'finalPrice')::numeric, p_shop_reference, p_key_hash,
           CASE WHEN p_key_hash IS NOT NULL THEN p_request_hash END, p_request_id,
           internal.hold_until(p_now), p_now, p_now)
    RETURNING * INTO v_booking;
    RETURN v_booking;
END;
$$;

-- The refusal when days are blocked, or NULL when all are free.
CREATE OR REPLACE FUNCTION internal.dates_unavailable(
    p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('outcome', 'dates_unavailable', 'unavailableDates', to_jsonb(taken.dates))
        FROM internal.unavailable_dates(p_car, p_start_date, p_end_date, p_now) AS taken (dates)
        WHERE cardinality(taken.dates) > 0);
END;
$$;

-- The refusal of a car for these dates at this price, or NULL. A wrong price is recorded.
CREATE OR REPLACE FUNCTION internal.refuse_rental(
    p_car public.cars, p_start_date date, p_end_date date, p_price jsonb, p_client_price numeric, p_request_id text,
    p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_refusals text[] := internal.rental_refusals(p_car, p_start_date, p_end_date, p_now);
BEGIN
    IF cardinality(v_refusals) > 0 THEN
        RETURN jsonb_build_object('outcome', v_refusals[1],
            'minRentalDays', p_car.min_rental_days, 'maxRentalDays', p_car.max_rental_days);
    END IF;
    IF p_client_price <> (p_price ->> 'finalPrice')::numeric THEN
        PERFORM internal.record_price_mismatch(p_car.id, p_start_date, p_end_date, p_client_price,
            (p_price ->> 'finalPrice')::numeric, p_request_id, p_now);
        RETURN jsonb_build_object('outcome', 'price_mismatch',
            'serverPrice', p_price ->> 'finalPrice', 'currency', p_price ->> 'currency');
    END IF;
    RETURN NULL;
END;
$$;

-- The part of create_booking that needs the car's lock. It is short, because other customers of the
-- same car wait for it.
CREATE OR REPLACE FUNCTION internal.hold_car(
    p_car public.cars, p_start_date date, p_end_date date, p_price jsonb, p_contact jsonb, p_key_hash text,
    p_request_hash text, p_shop_reference text, p_request_id text, p_now timestamptz
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_booking public.bookings;
    v_answer  jsonb;
BEGIN
    PERFORM FROM public.cars WHERE id = p_car.id AND status = 'listed' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('outcome', 'car_not_found');
    END IF;
    -- Check again under the lock, after earlier requests for this car.
    v_answer := coalesce(
        internal.earlier_answer(p_key_hash, p_request_hash, p_shop_reference, p_car.id, p_start_date, p_end_date, p_now),
        internal.dates_unavailable(p_car, p_start_date, p_end_date, p_now));
    IF v_answer IS NOT NULL THEN
        RETURN v_answer;
    END IF;
    PERFORM internal.expire_colliding_holds(
        p_car.id, internal.days_blocked_by(p_car, p_start_date, p_end_date), p_shop_reference, p_now);
    v_booking := internal.insert_hold(p_car, p_start_date, p_end_date, p_price, p_contact,
        p_key_hash, p_request_hash, p_shop_reference, p_request_id, p_now);
    RETURN jsonb_build_object('outcome', 'created', 'booking', internal.booking_json(v_booking, p_now));
EXCEPTION
    WHEN exclusion_violation THEN
        -- Another writer took the days without the car's lock.
        RETURN coalesce(internal.dates_unavailable(p_car, p_start_date, p_end_date, p_now),
            jsonb_build_object('outcome', 'dates_unavailable', 'unavailableDates', jsonb_build_array()));
    WHEN unique_violation THEN
        -- The same key or shop reference was used for another car just before.
        v_answer := internal.earlier_answer(
            p_key_hash, p_request_hash, p_shop_reference, p_car.id, p_start_date, p_end_date, p_now);
        IF v_answer IS NULL THEN
            RAISE;
        END IF;
        RETURN v_answer;
END;
$$;

CREATE OR REPLACE FUNCTION public.create_booking(
    p_car text, p_start_date date, p_end_date date, p_customer jsonb DEFAULT NULL, p_client_price numeric DEFAULT NULL,
    p_idempotency_key_hash text DEFAULT NULL, p_request_hash text DEFAULT NULL, p_shop_reference text DEFAULT NULL,
    p_request_id text DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
DECLARE
    v_car    public.cars := internal.listed_car(p_car);
    v_price  jsonb;
    v_answer jsonb := internal.earlier_answer(
        p_idempotency_key_hash, p_request_hash, p_shop_reference, v_car.id, p_start_date, p_end_date, p_now);
BEGIN
    IF v_answer IS NOT NULL THEN
        RETURN v_answer;
    END IF;
    IF v_car.id IS NULL THEN
        RETURN jsonb_build_object('outcome', 'car_not_found');
    END IF;
    v_price := internal.quote_json(v_car.id, p_start_date, p_end_date);
    v_answer := internal.refuse_rental(v_car, p_start_date, p_end_date, v_price, p_client_price, p_request_id, p_now);
    IF v_answer IS NOT NULL THEN
        RETURN v_answer;
    END IF;
    -- Blocked days are refused without a lock. An earlier copy of this request may block them.
    v_answer := internal.dates_unavailable(v_car, p_start_date, p_end_date, p_now);
    IF v_answer IS NOT NULL THEN
        RETURN coalesce(internal.earlier_answer(
            p_idempotency_key_hash, p_request_hash, p_shop_reference, v_car.id, p_start_date, p_end_date, p_now), v_answer);
    END IF;
    RETURN internal.hold_car(v_car, p_start_date, p_end_date, v_price, internal.contact_json(p_customer),
        p_idempotency_key_hash, p_request_hash, p_shop_reference, p_request_id, p_now);
END;
$$;
COMMENT ON FUNCTION public.create_booking IS
    'Holds a car for 15 minutes at the server''s price. Outcomes: created; replayed (same '
    'idempotency key and content, or same shop reference, car and dates: live, or lapsed within 60 '
    'minutes of its creation); '
    'idempotency_key_reused; booking_mismatch (a live booking has that shop reference for another '
    'car or other dates); car_not_found; in_the_past; too_far_ahead; too_short; too_long; '
    'not_priced; price_mismatch (one row in security_events, nothing else); dates_unavailable '
    '(unavailableDates). Locks the car''s row first and waits 5 s at most (55P03). Writes the '
    'booking, its customer and its event. Expires lapsed holds in the way.';

CREATE OR REPLACE FUNCTION public.expire_holds(p_limit integer DEFAULT 100, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE sql SET search_path = '' SET statement_timeout = '8s' SET lock_timeout = '5s' AS $$
    WITH lapsed AS (
        SELECT id FROM public.bookings
        WHERE status = 'pending_payment' AND hold_expires_at <= p_now
        ORDER BY hold_expires_at, id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), expired AS (
        UPDATE public.bookings AS b SET status = 'expired', updated_at = p_now
        FROM lapsed WHERE b.id = lapsed.id RETURNING b.car_id
    ), touched AS (
        SELECT DISTINCT c.id, c.slug FROM expired JOIN public.cars AS c ON c.id = expired.car_id
    )
    SELECT jsonb_build_object('outcome', 'expired', 'count', (SELECT count(*) FROM expired),
        'cars', coalesce((SELECT jsonb_agg(jsonb_build_object('id', id, 'slug', slug) ORDER BY slug) FROM touched), '[]'));
$$;
COMMENT ON FUNCTION public.expire_holds IS
    'Expires up to p_limit lapsed holds. Skips locked ones. Returns {outcome: expired, count, '
    'cars: [{id, slug}]}.';
