-- Prices. They are computed here and nowhere else.
--
-- Each line is rounded half-up to the cent, in this order:
--   1. each day's rate = base price x multiplier of the deciding rate rule; equal rates on
--      consecutive days are one line
--   2. + every mandatory fee
--   3. - discount: percent of (1 + 2)
--   4. + tax: percent of (1 + 2 - 3)
-- Example: 4 plain days at 50.00, fees 40.00, 10 % discount, 10 % tax: 200 + 40 - 24 + 21.60 =
-- 237.60.
-- The deposit is shown beside the price and is no part of it. numeric rounds half away from zero,
-- which is half-up for amounts that are never negative.
--
-- Uses internal.money of formats.sql.

-- One line of a price.
CREATE OR REPLACE FUNCTION internal.price_line(
    p_kind text, p_code text, p_label text, p_quantity bigint, p_unit_amount numeric
) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN jsonb_build_object('kind', p_kind, 'code', p_code, 'label', p_label, 'quantity', p_quantity,
        'unitAmount', internal.money(p_unit_amount), 'amount', internal.money(p_quantity * p_unit_amount));
END;
$$;

-- Each day of the rental with its rate and the rate's label. Among the rules that match, the
-- highest priority decides, then a rule for this car, then the smaller id.
CREATE OR REPLACE FUNCTION internal.day_rates(p_car_id uuid, p_base numeric, p_start_date date, p_end_date date)
RETURNS TABLE (day date, rate numeric, label text)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN QUERY
    SELECT d.day, round(p_base * coalesce(r.multiplier, 1), 2), coalesce(r.name, 'Daily rate')
    FROM (SELECT p_start_date + n AS day FROM generate_series(0, p_end_date - p_start_date - 1) AS n) AS d
    LEFT JOIN LATERAL (
        SELECT rule.multiplier, rule.name
        FROM public.pricing_rules AS rule
        WHERE rule.kind = 'rate' AND rule.active
          AND (rule.car_id = p_car_id OR rule.car_id IS NULL)
          AND (rule.starts_on IS NULL OR rule.starts_on <= d.day)
          AND (rule.ends_on IS NULL OR rule.ends_on >= d.day)
          AND (rule.weekdays IS NULL OR extract(isodow FROM d.day)::smallint = ANY (rule.weekdays))
        ORDER BY rule.priority DESC, (rule.car_id IS NULL), rule.id
        LIMIT 1
    ) AS r ON true
    ORDER BY d.day;
END;
$$;

-- Consecutive days at one rate are one line, with the label of their first day.
CREATE OR REPLACE FUNCTION internal.rental_lines(
    p_car_id uuid, p_base numeric, p_start_date date, p_end_date date, OUT lines jsonb, OUT total numeric
)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    WITH days AS (
        SELECT d.*, d.rate IS DISTINCT FROM lag(d.rate) OVER (ORDER BY d.day) AS opens_run
        FROM internal.day_rates(p_car_id, p_base, p_start_date, p_end_date) AS d
    ), runs AS (
        SELECT days.*, count(*) FILTER (WHERE opens_run) OVER (ORDER BY day) AS run FROM days
    ), grouped AS (
        SELECT min(day) AS first_day, rate, count(*) AS quantity, (array_agg(label ORDER BY day))[1] AS label
        FROM runs GROUP BY run, rate
    )
    SELECT jsonb_agg(internal.price_line('rental', 'rental_day', label, quantity, rate) ORDER BY first_day),
           sum(quantity * rate)
    INTO lines, total
    FROM grouped;
END;
$$;

-- The mandatory fees of a car, each once.
CREATE OR REPLACE FUNCTION internal.fee_lines(p_car_id uuid, OUT lines jsonb, OUT total numeric)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    SELECT coalesce(jsonb_agg(internal.price_line('fee', code, label, 1, amount) ORDER BY code), '[]'),
           coalesce(sum(amount), 0)
    INTO lines, total
    FROM public.car_fees WHERE car_id = p_car_id AND mandatory;
END;
$$;

-- The discount for a rental of this length. Returns no row if none applies.
CREATE OR REPLACE FUNCTION internal.deciding_discount(p_car_id uuid, p_rental_days integer)
RETURNS TABLE (name text, percent numeric)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN QUERY
    SELECT rule.name, rule.percent
    FROM public.pricing_rules AS rule
    WHERE rule.kind = 'discount' AND rule.active
      AND (rule.car_id = p_car_id OR rule.car_id IS NULL)
      AND rule.min_days <= p_rental_days
    ORDER BY rule.priority DESC, (rule.car_id IS NULL), rule.id
    LIMIT 1;
END;
$$;

CREATE OR REPLACE FUNCTION public.calculate_booking_price(
    p_car_id uuid, p_start_date date, p_end_date date,
    OUT success boolean, OUT error_code text, OUT rental_days integer, OUT base_price_per_day numeric(12, 2),
    OUT lines jsonb, OUT rental_amount numeric(12, 2), OUT discount_amount numeric(12, 2), OUT fees numeric(12, 2),
    OUT taxes numeric(12, 2), OUT deposit_amount numeric(12, 2), OUT final_price numeric(12, 2), OUT currency text
)
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
DECLARE
    v_pricing     public.car_pricing;
    v_fee_lines   jsonb;
    v_discount    record;
    v_subtotal    numeric;
BEGIN
    success := false;
    IF NOT EXISTS (SELECT FROM public.cars WHERE id = p_car_id AND status = 'listed') THEN
        error_code := 'car_not_found';
        RETURN;
    END IF;
    IF (p_end_date - p_start_date BETWEEN 1 AND 366) IS NOT TRUE THEN
        error_code := 'invalid_dates';
        RETURN;
    END IF;
    SELECT * INTO v_pricing FROM public.car_pricing WHERE car_id = p_car_id;
    IF NOT FOUND THEN
        error_code := 'not_priced';
        RETURN;
    END IF;

    rental_days := p_end_date - p_start_date;
    base_price_per_day := v_pricing.base_price_per_day;
    deposit_amount := v_pricing.deposit_amount;
    currency := v_pricing.currency;

    SELECT r.lines, r.total INTO lines, rental_amount
    FROM internal.rental_lines(p_car_id, base_price_per_day, p_start_date, p_end_date) AS r;
    SELECT f.lines, f.total INTO v_fee_lines, fees FROM internal.fee_lines(p_car_id) AS f;
    lines := lines || v_fee_lines;
    v_subtotal := rental_amount + fees;

    SELECT d.name, d.percent INTO v_discount FROM internal.deciding_discount(p_car_id, rental_days) AS d;
    discount_amount := round(v_subtotal * coalesce(v_discount.percent, 0) / 100, 2);
    IF discount_amount > 0 THEN
        lines := lines || internal.price_line('discount', 'long_rental', v_discount.name, 1, -discount_amount);
    END IF;

    taxes := round((v_subtotal - discount_amount) * v_pricing.tax_percent / 100, 2);
    IF taxes > 0 THEN
        lines := lines || internal.price_line('tax', 'tax', 'Tax ' || trim_scale(v_pricing.tax_percent) || ' %', 1, taxes);
    END IF;
    final_price := v_subtotal - discount_amount + taxes;
    success := true;
END;
$$;
COMMENT ON FUNCTION public.calculate_booking_price IS
    'The price of renting a listed car from p_start_date to p_end_date (half-open). lines: [{kind '
    'rental|fee|discount|tax, code, label, quantity, unitAmount, amount}]. The discount''s amount '
    'is negative, so the lines add up to final_price. success = false has error_code '
    'car_not_found (unknown, hidden, withdrawn), invalid_dates (not 1 to 366 days) or not_priced, '
    'and everything else null. It does not check whether the car is free. Reads only, takes no '
    'lock.';

-- A price as the API returns it and as bookings store it.
CREATE OR REPLACE FUNCTION internal.price_json(
    p_currency text, p_rental_days integer, p_base_price_per_day numeric, p_lines jsonb, p_rental_amount numeric,
    p_fees numeric, p_discount_amount numeric, p_taxes numeric, p_deposit_amount numeric, p_final_price numeric
) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    RETURN jsonb_build_object(
        'currency', p_currency, 'rentalDays', p_rental_days, 'basePricePerDay', internal.money(p_base_price_per_day),
        'lines', p_lines, 'rentalAmount', internal.money(p_rental_amount), 'fees', internal.money(p_fees),
        'discountAmount', internal.money(p_discount_amount), 'taxes', internal.money(p_taxes),
        'depositAmount', internal.money(p_deposit_amount), 'finalPrice', internal.money(p_final_price));
END;
$$;

-- The price of a rental, or NULL if it has none.
CREATE OR REPLACE FUNCTION internal.quote_json(p_car_id uuid, p_start_date date, p_end_date date) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT internal.price_json(p.currency, p.rental_days, p.base_price_per_day, p.lines, p.rental_amount, p.fees,
                                   p.discount_amount, p.taxes, p.deposit_amount, p.final_price)
        FROM public.calculate_booking_price(p_car_id, p_start_date, p_end_date) AS p WHERE p.success);
END;
$$;

-- Writes a security event: the client's price is not the server's.
CREATE OR REPLACE FUNCTION internal.record_price_mismatch(
    p_car_id uuid, p_start_date date, p_end_date date, p_client_price numeric, p_server_price numeric,
    p_request_id text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO public.security_events (occurred_at, kind, detail, request_id)
    VALUES (p_now, 'price_mismatch', jsonb_build_object(
        'carId', p_car_id, 'startDate', p_start_date, 'endDate', p_end_date,
        'clientPrice', p_client_price::text, 'serverPrice', p_server_price::text), p_request_id);
END;
$$;

CREATE OR REPLACE FUNCTION public.validate_booking_price(
    p_car_id uuid, p_start_date date, p_end_date date, p_client_price numeric, p_request_id text DEFAULT NULL,
    OUT valid boolean, OUT server_price numeric(12, 2), OUT currency text
)
LANGUAGE plpgsql SET search_path = '' SET statement_timeout = '5s' AS $$
BEGIN
    SELECT p.final_price, p.currency INTO server_price, currency
    FROM public.calculate_booking_price(p_car_id, p_start_date, p_end_date) AS p;
    valid := coalesce(p_client_price = server_price, false);
    IF NOT valid THEN
        PERFORM internal.record_price_mismatch(
            p_car_id, p_start_date, p_end_date, p_client_price, server_price, p_request_id, now());
    END IF;
END;
$$;
COMMENT ON FUNCTION public.validate_booking_price IS
    'Whether p_client_price is the price of calculate_booking_price. If not, or without a price '
    '(server_price null), it writes one row to security_events, kind price_mismatch. The '
    'client''s price is compared, never used.';
