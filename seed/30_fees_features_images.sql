-- Fees, features and images of the sample cars.

BEGIN;
SET LOCAL client_min_messages = warning;

-- The plain car has one fee of 40.00. The fees of the others depend on their price and category,
-- and a second driver is optional.
INSERT INTO public.car_fees (car_id, code, label, amount, mandatory)
SELECT c.id, 'cleaning', 'Cleaning', CASE WHEN c.slug = 'test-car-id' THEN 40 WHEN p.base_price_per_day >= 1000 THEN 150 ELSE 75 END, true
FROM public.cars AS c JOIN public.car_pricing AS p ON p.car_id = c.id
WHERE c.id::text LIKE '5eed0000-%'
UNION ALL
SELECT c.id, 'briefing', 'Handover briefing', CASE WHEN c.category = 'hypercar' THEN 450 ELSE 95 END, true
FROM public.cars AS c WHERE c.id::text LIKE '5eed0000-%' AND c.category IN ('hypercar', 'classic')
UNION ALL
SELECT c.id, 'second_driver', 'Second driver', 60, false
FROM public.cars AS c WHERE c.id::text LIKE '5eed0000-%' AND c.slug <> 'test-car-id'
ON CONFLICT DO NOTHING;

INSERT INTO public.car_features (car_id, feature, position)
SELECT c.id, f.feature, f.position
FROM (VALUES
    ('test-car-id', ARRAY ['Convertible', 'Manual gearbox', 'Unlimited mileage']),
    ('123', ARRAY ['Convertible', 'Manual gearbox', 'Track pack']),
    ('ferrari-296-gtb', ARRAY ['Carbon brakes', 'Apple CarPlay', 'Front lift']),
    ('ferrari-roma-spider', ARRAY ['Convertible', 'Apple CarPlay', 'Heated seats']),
    ('lamborghini-huracan-tecnica', ARRAY ['Carbon brakes', 'Front lift', 'Sport exhaust']),
    ('lamborghini-urus-performante', ARRAY ['All-wheel drive', 'Five seats', 'Sport exhaust']),
    ('mclaren-720s-spider', ARRAY ['Convertible', 'Carbon brakes', 'Front lift']),
    ('mclaren-artura', ARRAY ['Plug-in hybrid', 'Carbon brakes', 'Apple CarPlay']),
    ('porsche-911-gt3-rs', ARRAY ['Track pack', 'Carbon brakes', 'Sport exhaust']),
    ('porsche-taycan-turbo-gt', ARRAY ['Electric', 'All-wheel drive', 'Fast charging']),
    ('porsche-918-spyder', ARRAY ['Convertible', 'Plug-in hybrid', 'Carbon brakes']),
    ('aston-martin-db12-volante', ARRAY ['Convertible', 'Heated seats', 'Four seats']),
    ('aston-martin-db5', ARRAY ['Manual gearbox', 'Chauffeur available', 'Concours condition']),
    ('bentley-continental-gtc', ARRAY ['Convertible', 'Four seats', 'Heated seats']),
    ('rolls-royce-cullinan', ARRAY ['All-wheel drive', 'Five seats', 'Chauffeur available']),
    ('rolls-royce-ghost', ARRAY ['Five seats', 'Chauffeur available', 'Heated seats']),
    ('bugatti-chiron-sport', ARRAY ['All-wheel drive', 'Carbon brakes', 'Chauffeur available']),
    ('pagani-huayra', ARRAY ['Carbon brakes', 'Concours condition', 'Sport exhaust']),
    ('maserati-mc20-cielo', ARRAY ['Convertible', 'Apple CarPlay', 'Front lift']),
    ('mercedes-amg-gt-black-series', ARRAY ['Track pack', 'Carbon brakes', 'Sport exhaust']),
    ('mercedes-g63', ARRAY ['All-wheel drive', 'Five seats', 'Apple CarPlay']),
    ('mercedes-300sl-roadster', ARRAY ['Convertible', 'Manual gearbox', 'Concours condition']),
    ('nissan-gtr-nismo', ARRAY ['All-wheel drive', 'Carbon brakes', 'Four seats']),
    ('audi-r8-v10-performance', ARRAY ['All-wheel drive', 'Apple CarPlay', 'Sport exhaust']),
    ('koenigsegg-regera', ARRAY ['Carbon brakes']),
    ('ferrari-f40', ARRAY ['Manual gearbox'])
) AS t (slug, features)
JOIN public.cars AS c ON c.slug = t.slug
CROSS JOIN LATERAL unnest(t.features) WITH ORDINALITY AS f (feature, position)
ON CONFLICT DO NOTHING;

INSERT INTO public.car_images (car_id, url, alt, is_primary, position)
SELECT c.id, '/images/' || c.slug || '.svg', c.name, true, 1
FROM public.cars AS c
WHERE c.id::text LIKE '5eed0000-%' AND NOT EXISTS (SELECT FROM public.car_images AS i WHERE i.car_id = c.id);

COMMIT;
