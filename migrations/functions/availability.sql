-- The days of a car: blocked, free, bookable. Availability and booking use the same functions, so
-- every rental that is shown as bookable can be booked.
--
-- Functions of other files:
--   listing.sql  listed_car, local_day
--   pricing.sql  quote_json

-- Whether a booking keeps its days: confirmed, or a hold that has not expired.
CREATE OR REPLACE FUNCTION internal.is_live(p_status text, p_hold_expires_at timestamptz, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN p_status IN ('upcoming', 'active') OR (p_status = 'pending_payment' AND p_hold_expires_at > p_now);
END;
$$;

-- The bookings of a car that block any of these days: the live ones, and the turnaround of
-- completed ones.
CREATE OR REPLACE FUNCTION internal.live_bookings(p_car_id uuid, p_days daterange, p_now timestamptz)
RETURNS TABLE (status text, end_date date, blocked daterange)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN QUERY
    SELECT b.status, b.end_date, b.blocked
    FROM public.bookings AS b
    WHERE b.car_id = p_car_id AND b.blocked && p_days
      -- This lets the planner use the index of bookings_no_overlap.
      AND b.status IN ('pending_payment', 'upcoming', 'active', 'completed')
      AND (b.status = 'completed' OR internal.is_live(b.status, b.hold_expires_at, p_now));
END;
$$;

-- The days that a rental of this car blocks: its own, and the turnaround after it.
CREATE OR REPLACE FUNCTION internal.days_blocked_by(p_car public.cars, p_start_date date, p_end_date date) RETURNS daterange
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN daterange(p_start_date, p_end_date + p_car.turnaround_days);
END;
$$;

-- The days of this rental and its turnaround that other bookings block. Days from p_end_date on
-- mean that the turnaround would reach into the next booking.
CREATE OR REPLACE FUNCTION internal.unavailable_dates(
    p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS date[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(DISTINCT taken.day ORDER BY taken.day), '{}')
        FROM internal.live_bookings(p_car.id, internal.days_blocked_by(p_car, p_start_date, p_end_date), p_now) AS b
        CROSS JOIN LATERAL (SELECT b.blocked * internal.days_blocked_by(p_car, p_start_date, p_end_date) AS days) AS overlap
        CROSS JOIN LATERAL (
            SELECT lower(overlap.days) + n AS day
            FROM generate_series(0, upper(overlap.days) - lower(overlap.days) - 1) AS n
        ) AS taken);
END;
$$;

-- Every reason why nobody can rent the car for these dates. The first is the one to report.
CREATE OR REPLACE FUNCTION internal.rental_refusals(
    p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN array_remove(ARRAY [
        CASE WHEN p_start_date < internal.local_day(p_car, p_now) THEN 'in_the_past' END,
        CASE WHEN p_start_date - internal.local_day(p_car, p_now) > 365 THEN 'too_far_ahead' END,
        CASE WHEN p_end_date - p_start_date < p_car.min_rental_days THEN 'too_short' END,
        CASE WHEN p_end_date - p_start_date > p_car.max_rental_days THEN 'too_long' END,
        CASE WHEN NOT EXISTS (SELECT FROM public.car_pricing WHERE car_id = p_car.id) THEN 'not_priced' END
    ], NULL);
END;
$$;

-- Whether create_booking would accept this car for these days.
CREATE OR REPLACE FUNCTION internal.is_bookable(
    p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN cardinality(internal.rental_refusals(p_car, p_start_date, p_end_date, p_now)) = 0
       AND NOT EXISTS (SELECT FROM internal.live_bookings(
               p_car.id, internal.days_blocked_by(p_car, p_start_date, p_end_date), p_now));
END;
$$;

-- Each day of the half-open range: available, held (an unpaid hold), booked, turnaround or past.
CREATE OR REPLACE FUNCTION internal.day_statuses(p_car public.cars, p_start_date date, p_end_date date, p_now timestamptz)
RETURNS TABLE (day date, status text)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN QUERY
    SELECT d.day, CASE
        WHEN d.day < today.day THEN 'past'
        WHEN b.status IS NULL THEN 'available'
        WHEN d.day >= b.end_date THEN 'turnaround'
        WHEN b.status = 'pending_payment' THEN 'held'
        ELSE 'booked'
    END
    FROM (SELECT internal.local_day(p_car, p_now) AS day) AS today
    CROSS JOIN (SELECT p_start_date + n AS day FROM generate_series(0, p_end_date - p_start_date - 1) AS n) AS d
    LEFT JOIN internal.live_bookings(p_car.id, daterange(p_start_date, p_end_date), p_now) AS b ON b.blocked @> d.day
    ORDER BY d.day;
END;
$$;

CREATE OR REPLACE FUNCTION public.get_availability(
    p_car text, p_start_date date, p_end_date date, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
DECLARE
    v_car       public.cars := internal.listed_car(p_car);
    v_reasons   text[];
    v_days      jsonb;
    v_available integer;
    v_total     integer := p_end_date - p_start_date;
BEGIN
    IF v_car.id IS NULL THEN
        RETURN NULL;
    END IF;
    IF (v_total BETWEEN 1 AND 366) IS NOT TRUE THEN
        RAISE EXCEPTION 'an availability range has 1 to 366 days' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    v_reasons := internal.rental_refusals(v_car, p_start_date, p_end_date, p_now);
    IF cardinality(internal.unavailable_dates(v_car, p_start_date, p_end_date, p_now)) > 0 THEN
        v_reasons := v_reasons || 'dates_unavailable'::text;
    END IF;
    SELECT jsonb_agg(jsonb_build_object('date', d.day, 'available', d.status = 'available', 'status', d.status) ORDER BY d.day),
           count(*) FILTER (WHERE d.status = 'available')
    INTO v_days, v_available
    FROM internal.day_statuses(v_car, p_start_date, p_end_date, p_now) AS d;
    RETURN jsonb_build_object(
        'success', true, 'carId', v_car.id, 'startDate', p_start_date, 'endDate', p_end_date,
        'bookable', cardinality(v_reasons) = 0, 'reasons', to_jsonb(v_reasons), 'availability', v_days,
        'summary', jsonb_build_object('totalDays', v_total, 'availableDays', v_available, 'unavailableDays', v_total - v_available),
        'quote', CASE WHEN cardinality(v_reasons) = 0 THEN internal.quote_json(v_car.id, p_start_date, p_end_date) END);
END;
$$;
COMMENT ON FUNCTION public.get_availability IS
    'The days of a listed car from p_start_date up to, not including, p_end_date, and whether '
    'create_booking would accept this rental at p_now (bookable). reasons: in_the_past, '
    'too_far_ahead, too_short, too_long, not_priced, dates_unavailable. dates_unavailable with '
    'every day available: the turnaround would reach into the next booking. quote is the price, '
    'null unless bookable. NULL for an unknown car. A range outside 1 to 366 days raises 22023. '
    'Reads only.';
