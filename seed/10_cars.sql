-- Sample cars. Ids are fixed and existing rows stay, so applying this file again changes nothing.
-- `test-car-id` is the plain car of the price example (4 days = 237.60). `123` has no turnaround.

BEGIN;
SET LOCAL client_min_messages = warning;

INSERT INTO public.cars (id, slug, name, make, model, year, category, status, featured) VALUES
    ('5eed0000-0000-4000-8000-000000000001', 'test-car-id', 'Caterham Seven 170', 'Caterham', 'Seven 170', 2022, 'roadster', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000002', '123', 'Lotus Elise Cup 250', 'Lotus', 'Elise Cup 250', 2021, 'roadster', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000003', 'ferrari-296-gtb', 'Ferrari 296 GTB', 'Ferrari', '296 GTB', 2023, 'supercar', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000004', 'ferrari-roma-spider', 'Ferrari Roma Spider', 'Ferrari', 'Roma Spider', 2024, 'convertible', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000005', 'lamborghini-huracan-tecnica', 'Lamborghini Huracán Tecnica', 'Lamborghini', 'Huracán Tecnica', 2023, 'supercar', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000006', 'lamborghini-urus-performante', 'Lamborghini Urus Performante', 'Lamborghini', 'Urus Performante', 2024, 'suv', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000007', 'mclaren-720s-spider', 'McLaren 720S Spider', 'McLaren', '720S Spider', 2022, 'supercar', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000008', 'mclaren-artura', 'McLaren Artura', 'McLaren', 'Artura', 2024, 'supercar', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000009', 'porsche-911-gt3-rs', 'Porsche 911 GT3 RS', 'Porsche', '911 GT3 RS', 2023, 'supercar', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000010', 'porsche-taycan-turbo-gt', 'Porsche Taycan Turbo GT', 'Porsche', 'Taycan Turbo GT', 2025, 'electric', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000011', 'porsche-918-spyder', 'Porsche 918 Spyder', 'Porsche', '918 Spyder', 2015, 'hypercar', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000012', 'aston-martin-db12-volante', 'Aston Martin DB12 Volante', 'Aston Martin', 'DB12 Volante', 2024, 'convertible', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000013', 'aston-martin-db5', 'Aston Martin DB5', 'Aston Martin', 'DB5', 1964, 'classic', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000014', 'bentley-continental-gtc', 'Bentley Continental GTC Speed', 'Bentley', 'Continental GTC Speed', 2023, 'convertible', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000015', 'rolls-royce-cullinan', 'Rolls-Royce Cullinan', 'Rolls-Royce', 'Cullinan', 2024, 'suv', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000016', 'rolls-royce-ghost', 'Rolls-Royce Ghost', 'Rolls-Royce', 'Ghost', 2023, 'sedan', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000017', 'bugatti-chiron-sport', 'Bugatti Chiron Sport', 'Bugatti', 'Chiron Sport', 2019, 'hypercar', 'listed', true),
    ('5eed0000-0000-4000-8000-000000000018', 'pagani-huayra', 'Pagani Huayra', 'Pagani', 'Huayra', 2014, 'hypercar', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000019', 'maserati-mc20-cielo', 'Maserati MC20 Cielo', 'Maserati', 'MC20 Cielo', 2023, 'convertible', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000020', 'mercedes-amg-gt-black-series', 'Mercedes-AMG GT Black Series', 'Mercedes-AMG', 'GT Black Series', 2021, 'supercar', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000021', 'mercedes-g63', 'Mercedes-AMG G 63', 'Mercedes-AMG', 'G 63', 2024, 'suv', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000022', 'mercedes-300sl-roadster', 'Mercedes-Benz 300 SL Roadster', 'Mercedes-Benz', '300 SL Roadster', 1957, 'classic', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000023', 'nissan-gtr-nismo', 'Nissan GT-R Nismo', 'Nissan', 'GT-R Nismo', 2022, 'supercar', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000024', 'audi-r8-v10-performance', 'Audi R8 V10 performance', 'Audi', 'R8 V10 performance', 2023, 'supercar', 'listed', false),
    ('5eed0000-0000-4000-8000-000000000025', 'koenigsegg-regera', 'Koenigsegg Regera', 'Koenigsegg', 'Regera', 2018, 'hypercar', 'hidden', false),
    ('5eed0000-0000-4000-8000-000000000026', 'ferrari-f40', 'Ferrari F40', 'Ferrari', 'F40', 1990, 'classic', 'withdrawn', false)
ON CONFLICT DO NOTHING;

-- Descriptions, only for cars without one.
UPDATE public.cars AS c
SET short_description = d.short_description, description = d.description
FROM (VALUES
    ('test-car-id', 'Light, loud and honest', 'A featherweight roadster with nothing between you and the road.'),
    ('123', 'The last of the light ones', 'Extruded aluminium, a supercharger and a removable roof: the Elise at its sharpest.'),
    ('ferrari-296-gtb', 'Hybrid V6, 830 horsepower', 'A turbocharged V6 and an electric motor, and a chassis that makes both feel light.'),
    ('ferrari-roma-spider', 'La nuova dolce vita, open', 'A soft top that folds in 13 seconds and a V8 that likes tunnels.'),
    ('lamborghini-huracan-tecnica', 'Naturally aspirated V10', 'Rear-wheel drive, rear-wheel steering and 8,500 revolutions of theatre.'),
    ('lamborghini-urus-performante', 'A supercar for five', 'Twin-turbo V8 and titanium exhaust in a body that takes the family along.'),
    ('mclaren-720s-spider', 'Carbon tub, open sky', 'A carbon-fibre roof that disappears in 11 seconds, even at 50 km/h.'),
    ('mclaren-artura', 'The quiet start of a loud day', 'A plug-in hybrid that leaves the village silently and the valley very quickly.'),
    ('porsche-911-gt3-rs', 'Race car with number plates', 'Swan-neck wing, 9,000 revolutions and more dials than an aeroplane.'),
    ('porsche-taycan-turbo-gt', 'A thousand silent horses', 'The quickest way to forget what a gearbox was for.'),
    ('porsche-918-spyder', 'One of 918', 'The hybrid that rewrote the Nordschleife, kept as its engineers left it.'),
    ('aston-martin-db12-volante', 'The super tourer, roof down', 'Hand-stitched leather, a V8 up front and room for a weekend.'),
    ('aston-martin-db5', 'The silver one', 'A concours restoration, driven gently and looked at by everyone.'),
    ('bentley-continental-gtc', 'Twelve cylinders, four seats', 'Crosses France in an afternoon and leaves you rested.'),
    ('rolls-royce-cullinan', 'Effortless, everywhere', 'A V12, a starlight headliner and doors that close themselves.'),
    ('rolls-royce-ghost', 'Post-opulent', 'The quietest room in Manhattan happens to have wheels.'),
    ('bugatti-chiron-sport', 'Sixteen cylinders', 'Four turbochargers, 1,500 horsepower, and a briefing before you leave.'),
    ('pagani-huayra', 'Carbon, titanium, leather', 'Active flaps that move like wings and a cabin that ticks like a watch.'),
    ('maserati-mc20-cielo', 'A glass roof to the sky', 'An electrochromic roof that turns clear at a touch, and folds at another.'),
    ('mercedes-amg-gt-black-series', 'Flat-plane fury', 'The most powerful V8 Affalterbach has built, with a wing to match.'),
    ('mercedes-g63', 'The box that everybody knows', 'Three locking differentials and a side exhaust you will use daily.'),
    ('mercedes-300sl-roadster', 'The Riviera in one car', 'Direct injection, chrome and a boot that fits a hamper.'),
    ('nissan-gtr-nismo', 'Godzilla, sharpened', 'Hand-built V6, four driven wheels and the Wangan at night.'),
    ('audi-r8-v10-performance', 'The everyday supercar', 'The last of the naturally aspirated Audis, at home on the Great Ocean Road.'),
    ('koenigsegg-regera', 'Away for its service', 'No gearbox at all: direct drive from standstill to top speed.'),
    ('ferrari-f40', 'Returned to its owner', 'The last car that Enzo signed off.')
) AS d (slug, short_description, description)
WHERE c.slug = d.slug AND c.description = '';

COMMIT;
