-- Sample customers and bookings around today, paid outside of PayPal. The ids are fixed, so
-- applying this file on a later day adds nothing. A booking is left out if another one has its
-- days.

BEGIN;
SET LOCAL client_min_messages = warning;

INSERT INTO public.customers (id, full_name, email, phone) VALUES
    ('5eed0001-0000-4000-8000-000000000001', 'Grace Okafor', 'grace.okafor@example.com', '+1 555 0100'),
    ('5eed0001-0000-4000-8000-000000000002', 'Mateo Rossi', 'mateo.rossi@example.com', '+39 555 0101'),
    ('5eed0001-0000-4000-8000-000000000003', 'Yuki Tanaka', 'yuki.tanaka@example.com', '+81 555 0102'),
    ('5eed0001-0000-4000-8000-000000000004', 'Amira Haddad', 'amira.haddad@example.com', '+971 555 0103'),
    ('5eed0001-0000-4000-8000-000000000005', 'Lena Vogt', 'lena.vogt@example.com', '+49 555 0104'),
    ('5eed0001-0000-4000-8000-000000000006', 'Tom Fairley', 'tom.fairley@example.com', NULL)
ON CONFLICT DO NOTHING;

INSERT INTO public.bookings (
    id, reference, car_id, customer_id, contact, status, start_date, end_date, turnaround_days,
    currency, base_price_per_day, price_lines, rental_amount, fees, discount_amount, taxes, deposit_amount, final_price,
    confirmed_at, cancelled_at)
SELECT t.id::uuid, t.reference, c.id, k.id, jsonb_build_object('fullName', k.full_name, 'email', k.email, 'phone', k.phone),
       t.status, current_date + t.starts_in, current_date + t.ends_in, c.turnaround_days,
       p.currency, p.base_price_per_day, p.lines, p.rental_amount, p.fees, p.discount_amount, p.taxes, p.deposit_amount, p.final_price,
       now(), CASE WHEN t.status = 'cancelled' THEN now() END
FROM (VALUES
    ('5eed0002-0000-4000-8000-000000000001', 'EXO-SEED22', 'ferrari-296-gtb', 'grace.okafor@example.com', 'upcoming', 9, 12),
    ('5eed0002-0000-4000-8000-000000000002', 'EXO-SEED23', 'lamborghini-huracan-tecnica', 'grace.okafor@example.com', 'upcoming', 20, 23),
    ('5eed0002-0000-4000-8000-000000000003', 'EXO-SEED24', 'ferrari-roma-spider', 'mateo.rossi@example.com', 'upcoming', 4, 8),
    ('5eed0002-0000-4000-8000-000000000004', 'EXO-SEED25', 'nissan-gtr-nismo', 'yuki.tanaka@example.com', 'active', -1, 3),
    ('5eed0002-0000-4000-8000-000000000005', 'EXO-SEED26', 'rolls-royce-cullinan', 'amira.haddad@example.com', 'upcoming', 14, 24),
    ('5eed0002-0000-4000-8000-000000000006', 'EXO-SEED27', 'bugatti-chiron-sport', 'amira.haddad@example.com', 'upcoming', 30, 32),
    ('5eed0002-0000-4000-8000-000000000007', 'EXO-SEED28', 'porsche-911-gt3-rs', 'lena.vogt@example.com', 'completed', -12, -9),
    ('5eed0002-0000-4000-8000-000000000008', 'EXO-SEED29', 'porsche-taycan-turbo-gt', 'lena.vogt@example.com', 'upcoming', 6, 13),
    ('5eed0002-0000-4000-8000-000000000009', 'EXO-SEED2A', 'aston-martin-db5', 'tom.fairley@example.com', 'cancelled', 11, 12),
    ('5eed0002-0000-4000-8000-000000000010', 'EXO-SEED2B', 'aston-martin-db12-volante', 'tom.fairley@example.com', 'active', -2, 2)
) AS t (id, reference, slug, email, status, starts_in, ends_in)
JOIN public.cars AS c ON c.slug = t.slug
JOIN public.customers AS k ON lower(k.email) = t.email
CROSS JOIN LATERAL public.calculate_booking_price(c.id, current_date + t.starts_in, current_date + t.ends_in) AS p
WHERE p.success
ON CONFLICT DO NOTHING;

COMMIT;
