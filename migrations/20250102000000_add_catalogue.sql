-- The catalogue: cars, their prices, fees, features and images, and the rules that change a price.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.cars (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug              text NOT NULL UNIQUE,
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    make              text NOT NULL CHECK (length(make) BETWEEN 1 AND 60),
    model             text NOT NULL CHECK (length(model) BETWEEN 1 AND 60),
    year              integer NOT NULL CHECK (year BETWEEN 1885 AND 2100),
    category          text NOT NULL CHECK (length(category) BETWEEN 1 AND 40),
    short_description text NOT NULL DEFAULT '',
    description       text NOT NULL DEFAULT '',
    status            text NOT NULL DEFAULT 'hidden' CHECK (status IN ('listed', 'hidden', 'withdrawn')),
    featured          boolean NOT NULL DEFAULT false,
    specifications    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(specifications) = 'object'),
    time_zone         text NOT NULL DEFAULT 'UTC',
    pickup_time       time NOT NULL DEFAULT '10:00',
    turnaround_days   integer NOT NULL DEFAULT 1 CHECK (turnaround_days BETWEEN 0 AND 14),
    min_rental_days   integer NOT NULL DEFAULT 1 CHECK (min_rental_days >= 1),
    max_rental_days   integer NOT NULL DEFAULT 30,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cars_rental_days_ordered CHECK (max_rental_days BETWEEN min_rental_days AND 366),
    -- Routes accept a slug or an id, so a slug must not look like a UUID.
    CONSTRAINT cars_slug_form CHECK (
        slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 80
        AND slug !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'),
    -- The conversion fails for an unknown zone.
    CONSTRAINT cars_time_zone_known CHECK (timestamp '2000-01-01 00:00' AT TIME ZONE time_zone IS NOT NULL)
);
COMMENT ON COLUMN public.cars.status IS
    'listed: rentable; hidden: not shown, not rentable for now; withdrawn: gone for good.';
COMMENT ON COLUMN public.cars.turnaround_days IS 'Days after the return during which the car cannot leave again.';

-- PayPal accepts no decimals for HUF, JPY and TWD. Prices here have cents, so these are excluded.
CREATE TABLE IF NOT EXISTS public.car_pricing (
    car_id             uuid PRIMARY KEY REFERENCES public.cars ON DELETE CASCADE,
    currency           text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$' AND currency NOT IN ('HUF', 'JPY', 'TWD')),
    base_price_per_day numeric(12, 2) NOT NULL CHECK (base_price_per_day BETWEEN 1 AND 100000),
    deposit_amount     numeric(12, 2) NOT NULL DEFAULT 0 CHECK (deposit_amount BETWEEN 0 AND 1000000),
    tax_percent        numeric(5, 2) NOT NULL DEFAULT 0 CHECK (tax_percent BETWEEN 0 AND 100),
    updated_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.car_fees (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    car_id    uuid NOT NULL REFERENCES public.cars ON DELETE CASCADE,
    code      text NOT NULL CHECK (code ~ '^[a-z0-9_]{1,40}$'),
    label     text NOT NULL CHECK (length(label) BETWEEN 1 AND 80),
    amount    numeric(12, 2) NOT NULL CHECK (amount BETWEEN 0 AND 100000),
    mandatory boolean NOT NULL DEFAULT true,
    CONSTRAINT car_fees_code_once UNIQUE (car_id, code)
);
COMMENT ON TABLE public.car_fees IS 'Fees once a rental. Mandatory ones are part of every price.';

CREATE TABLE IF NOT EXISTS public.car_features (
    car_id   uuid NOT NULL REFERENCES public.cars ON DELETE CASCADE,
    feature  text NOT NULL CHECK (length(feature) BETWEEN 1 AND 40),
    position integer NOT NULL DEFAULT 0,
    PRIMARY KEY (car_id, feature)
);

CREATE TABLE IF NOT EXISTS public.car_images (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    car_id     uuid NOT NULL REFERENCES public.cars ON DELETE CASCADE,
    url        text NOT NULL CHECK (url ~ '^(/|https://)'),
    alt        text NOT NULL DEFAULT '',
    is_primary boolean NOT NULL DEFAULT false,
    position   integer NOT NULL DEFAULT 0,
    CONSTRAINT car_images_url_once UNIQUE (car_id, url)
);
CREATE UNIQUE INDEX IF NOT EXISTS car_images_one_primary ON public.car_images (car_id) WHERE is_primary;

-- Among the rules of a kind that match, the highest priority decides, then a rule for this car over
-- one for all cars, then the smaller id. A price never depends on the order of rows.
CREATE TABLE IF NOT EXISTS public.pricing_rules (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    car_id     uuid REFERENCES public.cars ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('rate', 'discount')),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    priority   integer NOT NULL DEFAULT 0,
    active     boolean NOT NULL DEFAULT true,
    starts_on  date,
    ends_on    date,
    weekdays   smallint[],
    multiplier numeric(6, 4),
    min_days   integer,
    percent    numeric(5, 2),
    CONSTRAINT pricing_rules_season_ordered CHECK (ends_on >= starts_on),
    CONSTRAINT pricing_rules_rate CHECK (kind <> 'rate' OR (
        multiplier IS NOT NULL AND multiplier BETWEEN 0.1 AND 10 AND min_days IS NULL AND percent IS NULL
        AND (weekdays IS NULL OR (weekdays <@ ARRAY [1, 2, 3, 4, 5, 6, 7]::smallint[] AND cardinality(weekdays) > 0)))),
    CONSTRAINT pricing_rules_discount CHECK (kind <> 'discount' OR (
        percent IS NOT NULL AND percent > 0 AND percent <= 90 AND min_days IS NOT NULL AND min_days >= 1
        AND multiplier IS NULL AND weekdays IS NULL AND starts_on IS NULL AND ends_on IS NULL))
);
COMMENT ON TABLE public.pricing_rules IS
    'Rate rules multiply a day''s base price (season, weekday); discount rules take a percentage '
    'off a long rental.';
COMMENT ON COLUMN public.pricing_rules.car_id IS 'NULL: the rule is for all cars.';
COMMENT ON COLUMN public.pricing_rules.ends_on IS 'Last day of the season, included. NULL: open.';
COMMENT ON COLUMN public.pricing_rules.weekdays IS 'ISO weekdays, 1 = Monday. NULL: every day.';

ALTER TABLE public.cars ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.car_pricing ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.car_fees ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.car_features ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.car_images ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pricing_rules ENABLE ROW LEVEL SECURITY;

INSERT INTO public.schema_migrations (version) VALUES ('20250102000000_add_catalogue') ON CONFLICT DO NOTHING;
COMMIT;
