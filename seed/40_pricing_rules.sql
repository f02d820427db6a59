-- Pricing rules of the sample cars for weekends, seasons and long rentals. The plain car has no
-- rate rule, so that its 4 days cost the same all year. An id is a digest of rule and car, so that
-- no rule is added twice.

BEGIN;
SET LOCAL client_min_messages = warning;

INSERT INTO public.pricing_rules (id, car_id, kind, name, priority, weekdays, multiplier)
SELECT md5('weekend:' || c.slug)::uuid, c.id, 'rate', 'Weekend', 20, ARRAY [5, 6, 7]::smallint[], 1.2
FROM public.cars AS c WHERE c.id::text LIKE '5eed0000-%' AND c.slug <> 'test-car-id'
ON CONFLICT DO NOTHING;

INSERT INTO public.pricing_rules (id, car_id, kind, name, priority, starts_on, ends_on, multiplier)
SELECT md5(s.name || y.year || ':' || c.slug)::uuid, c.id, 'rate', s.name || ' ' || y.year, s.priority,
       make_date(y.year, s.start_month, s.start_day), make_date(y.year + s.years, s.end_month, s.end_day), s.multiplier
FROM public.cars AS c
CROSS JOIN generate_series(2025, 2032) AS y (year)
CROSS JOIN (VALUES
    ('Summer', 10, 6, 15, 0, 9, 15, 1.15),
    ('Festive season', 30, 12, 20, 1, 1, 5, 1.35)
) AS s (name, priority, start_month, start_day, years, end_month, end_day, multiplier)
WHERE c.id::text LIKE '5eed0000-%' AND c.slug <> 'test-car-id'
ON CONFLICT DO NOTHING;

INSERT INTO public.pricing_rules (id, car_id, kind, name, priority, min_days, percent)
SELECT md5('long:' || d.min_days || ':' || c.slug)::uuid, c.id, 'discount', d.name, d.priority, d.min_days, d.percent
FROM public.cars AS c
CROSS JOIN (VALUES ('From 7 days', 10, 7, 8.00), ('From 14 days', 20, 14, 15.00)) AS d (name, priority, min_days, percent)
WHERE c.id::text LIKE '5eed0000-%' AND c.slug <> 'test-car-id' AND c.max_rental_days >= d.min_days
UNION ALL
SELECT md5('long:4:' || c.slug)::uuid, c.id, 'discount', 'From 4 days', 10, 4, 10.00
FROM public.cars AS c WHERE c.slug = 'test-car-id'
ON CONFLICT DO NOTHING;

COMMIT;
