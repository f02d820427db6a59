-- Time zones, rental terms, specifications and prices of the sample cars.

BEGIN;
SET LOCAL client_min_messages = warning;

-- Only for cars without a price, so that an operator's later edits stay.
UPDATE public.cars AS c
SET time_zone = t.time_zone, pickup_time = t.pickup_time::time, turnaround_days = t.turnaround_days,
    min_rental_days = t.min_rental_days, max_rental_days = t.max_rental_days
FROM (VALUES
    ('test-car-id', 'UTC', '10:00', 1, 1, 30),
    ('123', 'America/New_York', '10:00', 0, 1, 21),
    ('ferrari-296-gtb', 'America/Los_Angeles', '10:00', 1, 1, 14),
    ('ferrari-roma-spider', 'Europe/Rome', '09:30', 1, 1, 14),
    ('lamborghini-huracan-tecnica', 'America/New_York', '10:00', 1, 1, 14),
    ('lamborghini-urus-performante', 'Asia/Dubai', '12:00', 1, 1, 30),
    ('mclaren-720s-spider', 'Europe/London', '10:00', 1, 1, 14),
    ('mclaren-artura', 'Europe/London', '10:00', 1, 1, 14),
    ('porsche-911-gt3-rs', 'Europe/Berlin', '09:00', 2, 1, 10),
    ('porsche-taycan-turbo-gt', 'Europe/Berlin', '09:00', 0, 1, 30),
    ('porsche-918-spyder', 'Europe/Monaco', '11:00', 2, 2, 7),
    ('aston-martin-db12-volante', 'Europe/London', '10:00', 1, 1, 21),
    ('aston-martin-db5', 'Europe/London', '10:30', 2, 1, 5),
    ('bentley-continental-gtc', 'Europe/Monaco', '10:00', 1, 1, 30),
    ('rolls-royce-cullinan', 'Asia/Dubai', '12:00', 1, 1, 30),
    ('rolls-royce-ghost', 'America/New_York', '10:00', 1, 1, 30),
    ('bugatti-chiron-sport', 'Asia/Dubai', '12:00', 2, 1, 3),
    ('pagani-huayra', 'Europe/Rome', '09:30', 2, 1, 4),
    ('maserati-mc20-cielo', 'Europe/Rome', '09:30', 1, 1, 14),
    ('mercedes-amg-gt-black-series', 'Europe/Berlin', '09:00', 1, 1, 10),
    ('mercedes-g63', 'America/Chicago', '10:00', 0, 1, 30),
    ('mercedes-300sl-roadster', 'Europe/Monaco', '11:00', 2, 1, 4),
    ('nissan-gtr-nismo', 'Asia/Tokyo', '10:00', 1, 1, 14),
    ('audi-r8-v10-performance', 'Australia/Sydney', '10:00', 1, 1, 21),
    ('koenigsegg-regera', 'Europe/Monaco', '11:00', 2, 1, 3),
    ('ferrari-f40', 'Europe/Rome', '09:30', 2, 1, 3)
) AS t (slug, time_zone, pickup_time, turnaround_days, min_rental_days, max_rental_days)
WHERE c.slug = t.slug AND NOT EXISTS (SELECT FROM public.car_pricing AS p WHERE p.car_id = c.id);

UPDATE public.cars AS c
SET specifications = jsonb_build_object('powerHp', t.power_hp, 'topSpeedKmh', t.top_speed_kmh, 'zeroToHundredSeconds', t.seconds::text,
    'seats', t.seats, 'transmission', t.transmission)
FROM (VALUES
    ('test-car-id', 84, 160, 6.9, 2, 'manual'),
    ('123', 245, 248, 4.3, 2, 'manual'),
    ('ferrari-296-gtb', 819, 330, 2.9, 2, 'dual-clutch'),
    ('ferrari-roma-spider', 612, 320, 3.4, 2, 'dual-clutch'),
    ('lamborghini-huracan-tecnica', 631, 325, 3.2, 2, 'dual-clutch'),
    ('lamborghini-urus-performante', 657, 306, 3.3, 5, 'automatic'),
    ('mclaren-720s-spider', 710, 341, 2.9, 2, 'dual-clutch'),
    ('mclaren-artura', 671, 330, 3.0, 2, 'dual-clutch'),
    ('porsche-911-gt3-rs', 518, 296, 3.2, 2, 'dual-clutch'),
    ('porsche-taycan-turbo-gt', 1019, 290, 2.3, 4, 'automatic'),
    ('porsche-918-spyder', 875, 345, 2.6, 2, 'dual-clutch'),
    ('aston-martin-db12-volante', 671, 325, 3.7, 4, 'automatic'),
    ('aston-martin-db5', 282, 233, 8.0, 4, 'manual'),
    ('bentley-continental-gtc', 650, 335, 3.7, 4, 'dual-clutch'),
    ('rolls-royce-cullinan', 563, 250, 5.2, 5, 'automatic'),
    ('rolls-royce-ghost', 563, 250, 4.8, 5, 'automatic'),
    ('bugatti-chiron-sport', 1479, 420, 2.4, 2, 'dual-clutch'),
    ('pagani-huayra', 720, 383, 3.0, 2, 'sequential'),
    ('maserati-mc20-cielo', 621, 320, 3.0, 2, 'dual-clutch'),
    ('mercedes-amg-gt-black-series', 720, 325, 3.2, 2, 'dual-clutch'),
    ('mercedes-g63', 577, 220, 4.4, 5, 'automatic'),
    ('mercedes-300sl-roadster', 222, 242, 8.3, 2, 'manual'),
    ('nissan-gtr-nismo', 591, 315, 2.8, 4, 'dual-clutch'),
    ('audi-r8-v10-performance', 612, 331, 3.1, 2, 'dual-clutch'),
    ('koenigsegg-regera', 1479, 403, 2.8, 2, 'direct'),
    ('ferrari-f40', 471, 324, 4.1, 2, 'manual')
) AS t (slug, power_hp, top_speed_kmh, seconds, seats, transmission)
WHERE c.slug = t.slug AND c.specifications = '{}';

INSERT INTO public.car_pricing (car_id, currency, base_price_per_day, deposit_amount, tax_percent)
SELECT c.id, t.currency, t.base_price_per_day, t.deposit_amount, t.tax_percent
FROM (VALUES
    ('test-car-id', 'USD', 50.00, 500.00, 10),
    ('123', 'USD', 189.00, 2000.00, 8.25),
    ('ferrari-296-gtb', 'USD', 1450.00, 10000.00, 8.25),
    ('ferrari-roma-spider', 'EUR', 1150.00, 8000.00, 22),
    ('lamborghini-huracan-tecnica', 'USD', 1390.00, 10000.00, 7),
    ('lamborghini-urus-performante', 'USD', 990.00, 6000.00, 5),
    ('mclaren-720s-spider', 'GBP', 1350.00, 10000.00, 20),
    ('mclaren-artura', 'GBP', 1090.00, 9000.00, 20),
    ('porsche-911-gt3-rs', 'EUR', 1250.00, 9000.00, 19),
    ('porsche-taycan-turbo-gt', 'EUR', 640.00, 4000.00, 19),
    ('porsche-918-spyder', 'EUR', 4900.00, 50000.00, 20),
    ('aston-martin-db12-volante', 'GBP', 980.00, 7000.00, 20),
    ('aston-martin-db5', 'GBP', 2200.00, 30000.00, 20),
    ('bentley-continental-gtc', 'EUR', 850.00, 6000.00, 20),
    ('rolls-royce-cullinan', 'USD', 1600.00, 12000.00, 5),
    ('rolls-royce-ghost', 'USD', 1350.00, 10000.00, 8.875),
    ('bugatti-chiron-sport', 'USD', 18500.00, 250000.00, 5),
    ('pagani-huayra', 'EUR', 9800.00, 120000.00, 22),
    ('maserati-mc20-cielo', 'EUR', 890.00, 7000.00, 22),
    ('mercedes-amg-gt-black-series', 'EUR', 1280.00, 9000.00, 19),
    ('mercedes-g63', 'USD', 590.00, 4000.00, 10.25),
    ('mercedes-300sl-roadster', 'EUR', 3400.00, 60000.00, 20),
    ('nissan-gtr-nismo', 'USD', 620.00, 5000.00, 10),
    ('audi-r8-v10-performance', 'AUD', 720.00, 5000.00, 10),
    ('koenigsegg-regera', 'EUR', 12500.00, 200000.00, 20),
    ('ferrari-f40', 'EUR', 6500.00, 150000.00, 22)
) AS t (slug, currency, base_price_per_day, deposit_amount, tax_percent)
JOIN public.cars AS c ON c.slug = t.slug
ON CONFLICT DO NOTHING;

COMMIT;
