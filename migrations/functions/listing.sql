-- Reading cars: one, a page, the most booked.
--
-- Functions of other files:
--   availability.sql  is_bookable
--   formats.sql       contains_pattern, money_json

-- A car by UUID or slug, whatever its status. Returns a row of NULLs for an unknown car.
CREATE OR REPLACE FUNCTION internal.any_car(p_car text) RETURNS public.cars
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_car public.cars;
BEGIN
    IF p_car ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        SELECT * INTO v_car FROM public.cars WHERE id = p_car::uuid;
    ELSE
        SELECT * INTO v_car FROM public.cars WHERE slug = p_car;
    END IF;
    RETURN v_car;
END;
$$;

-- A car that the public may see and rent. Returns a row of NULLs for a hidden, withdrawn or unknown
-- car.
CREATE OR REPLACE FUNCTION internal.listed_car(p_car text) RETURNS public.cars
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_car public.cars := internal.any_car(p_car);
BEGIN
    IF v_car.status IS DISTINCT FROM 'listed' THEN
        RETURN NULL;
    END IF;
    RETURN v_car;
END;
$$;

-- The date in the car's time zone.
CREATE OR REPLACE FUNCTION internal.local_day(p_car public.cars, p_now timestamptz) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (p_now AT TIME ZONE p_car.time_zone)::date;
END;
$$;

-- A car as the list shows it.
CREATE OR REPLACE FUNCTION internal.car_summary(p_car public.cars) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'id', p_car.id, 'slug', p_car.slug, 'name', p_car.name, 'make', p_car.make, 'model', p_car.model,
            'year', p_car.year, 'category', p_car.category, 'shortDescription', p_car.short_description,
            'featured', p_car.featured, 'minRentalDays', p_car.min_rental_days, 'maxRentalDays', p_car.max_rental_days,
            'pricePerDay', internal.money_json(price.base_price_per_day, price.currency),
            'depositAmount', internal.money_json(price.deposit_amount, price.currency),
            'image', (SELECT jsonb_build_object('url', i.url, 'alt', i.alt) FROM public.car_images AS i
                      WHERE i.car_id = p_car.id ORDER BY i.is_primary DESC, i.position, i.url LIMIT 1),
            'features', (SELECT coalesce(jsonb_agg(f.feature ORDER BY f.position, f.feature), '[]')
                         FROM public.car_features AS f WHERE f.car_id = p_car.id))
        -- A car without a price has no row in car_pricing. The outer join keeps its summary.
        FROM (VALUES (p_car.id)) AS car (id) LEFT JOIN public.car_pricing AS price ON price.car_id = car.id);
END;
$$;

CREATE OR REPLACE FUNCTION public.get_car(p_car text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
DECLARE
    v_car      public.cars := internal.listed_car(p_car);
    v_currency text;
BEGIN
    IF v_car.id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT currency INTO v_currency FROM public.car_pricing WHERE car_id = v_car.id;
    RETURN jsonb_build_object('success', true, 'car', internal.car_summary(v_car) || jsonb_build_object(
        'description', v_car.description, 'specifications', v_car.specifications,
        'timeZone', v_car.time_zone, 'turnaroundDays', v_car.turnaround_days,
        'images', (SELECT coalesce(jsonb_agg(jsonb_build_object('url', url, 'alt', alt, 'primary', is_primary)
                                             ORDER BY is_primary DESC, position, url), '[]')
                   FROM public.car_images WHERE car_id = v_car.id),
        'fees', (SELECT coalesce(jsonb_agg(jsonb_build_object('code', code, 'label', label, 'mandatory', mandatory,
                                                              'amount', internal.money_json(amount, v_currency)) ORDER BY code), '[]')
                 FROM public.car_fees WHERE car_id = v_car.id)));
END;
$$;
COMMENT ON FUNCTION public.get_car IS
    '{success, car} of a listed car by UUID or slug. NULL when it is unknown, hidden or '
    'withdrawn. pricePerDay is null for a car without a price. Reads only.';

-- Whether a car has all these features. Upper and lower case are equal.
CREATE OR REPLACE FUNCTION internal.has_features(p_car_id uuid, p_features text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM unnest(p_features) AS wanted (feature)
        WHERE NOT EXISTS (SELECT FROM public.car_features AS f
                          WHERE f.car_id = p_car_id AND lower(f.feature) = lower(wanted.feature)));
END;
$$;

CREATE OR REPLACE FUNCTION public.list_cars(
    p_page integer DEFAULT 1, p_limit integer DEFAULT 12, p_search text DEFAULT NULL, p_category text DEFAULT NULL,
    p_min_price numeric DEFAULT NULL, p_max_price numeric DEFAULT NULL, p_features text[] DEFAULT NULL,
    p_sort_by text DEFAULT NULL, p_sort_order text DEFAULT NULL,
    p_available_from date DEFAULT NULL, p_available_to date DEFAULT NULL, p_now timestamptz DEFAULT now()
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
BEGIN
    RETURN (
        WITH asked AS (
            SELECT greatest(coalesce(p_page, 1), 1) AS page, least(greatest(coalesce(p_limit, 12), 1), 50) AS size,
                   coalesce(p_sort_by, 'featured') AS sort_by,
                   coalesce(p_sort_order, 'asc') = 'desc' AS descending,
                   internal.contains_pattern(p_search) AS pattern
        ), found AS (
            SELECT c AS car, c.id, c.name, c.featured, price.base_price_per_day AS price
            FROM public.cars AS c JOIN public.car_pricing AS price ON price.car_id = c.id CROSS JOIN asked
            WHERE c.status = 'listed'
              AND (asked.pattern IS NULL OR c.name ILIKE asked.pattern OR c.make ILIKE asked.pattern
                   OR c.model ILIKE asked.pattern OR c.category ILIKE asked.pattern OR c.description ILIKE asked.pattern)
              AND (p_category IS NULL OR lower(c.category) = lower(p_category))
              AND (p_min_price IS NULL OR price.base_price_per_day >= p_min_price)
              AND (p_max_price IS NULL OR price.base_price_per_day <= p_max_price)
              AND (p_features IS NULL OR internal.has_features(c.id, p_features))
              AND (p_available_from IS NULL OR p_available_to IS NULL
                   OR internal.is_bookable(c, p_available_from, p_available_to, p_now))
        ), ranked AS (
            -- One CASE for each sort order, because a CASE has one type and one direction.
            SELECT found.*, row_number() OVER (ORDER BY
                CASE WHEN asked.sort_by = 'price' AND NOT asked.descending THEN price END,
                CASE WHEN asked.sort_by = 'price' AND asked.descending THEN price END DESC,
                CASE WHEN asked.sort_by = 'featured' THEN featured END DESC,
                CASE WHEN asked.descending AND asked.sort_by <> 'price' THEN name END DESC,
                name, id) AS place
            FROM found CROSS JOIN asked
        ), page AS (
            SELECT coalesce(jsonb_agg(internal.car_summary(ranked.car) ORDER BY place), '[]') AS cars
            FROM ranked CROSS JOIN asked
            WHERE place > (asked.page - 1) * asked.size AND place <= asked.page * asked.size
        ), total AS (
            SELECT count(*) AS cars FROM found
        ), pages AS (
            SELECT (total.cars + asked.size - 1) / asked.size AS count FROM total CROSS JOIN asked
        )
        SELECT jsonb_build_object('success', true, 'cars', page.cars, 'pagination', jsonb_build_object(
            'page', asked.page, 'limit', asked.size, 'total', total.cars, 'totalPages', pages.count,
            'hasNext', asked.page < pages.count, 'hasPrev', asked.page > 1 AND total.cars > 0))
        FROM asked CROSS JOIN page CROSS JOIN total CROSS JOIN pages);
END;
$$;
COMMENT ON FUNCTION public.list_cars IS
    'One page of the listed cars that have a price: {success, cars, pagination}. NULL means no '
    'filter. p_search is a literal, case-insensitive part of name, make, model, category or '
    'description. A car must have all p_features. p_available_from and p_available_to (both or '
    'none) keep the cars that can be booked for that half-open rental at p_now. p_sort_by is '
    'featured (featured first in either order, then name), price or name. Ties are ordered by '
    'name, then id. Reads only.';

CREATE OR REPLACE FUNCTION public.popular_cars(p_limit integer DEFAULT 20, p_now timestamptz DEFAULT now()) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' SET statement_timeout = '5s' AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', top.id, 'slug', top.slug) ORDER BY top.place), '[]')
    FROM (
        SELECT c.id, c.slug, row_number() OVER (ORDER BY count(b.id) DESC, c.featured DESC, c.name, c.id) AS place
        FROM public.cars AS c LEFT JOIN public.bookings AS b
             ON b.car_id = c.id AND b.created_at > p_now - interval '30 days' AND b.created_at <= p_now
             AND b.status NOT IN ('cancelled', 'expired')
        WHERE c.status = 'listed'
        GROUP BY c.id ORDER BY place LIMIT p_limit
    ) AS top;
$$;
COMMENT ON FUNCTION public.popular_cars IS
    '[{id, slug}] of listed cars: most bookings of the last 30 days (without expired holds and '
    'cancellations), then featured, then name. Reads only.';
