-- Customers, bookings and payments, with the states they may be in.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS public.customers (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    full_name  text NOT NULL CHECK (length(full_name) BETWEEN 1 AND 100),
    phone      text CHECK (length(phone) BETWEEN 5 AND 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS customers_email_once ON public.customers (lower(email));

-- A rental is half-open: pick-up on start_date, return on end_date. The hold fixes the price, and
-- later changes of the catalogue do not touch it. Each booking has its own contact data. An e-mail
-- address in a request is not verified, so it must not give access to the customer's other
-- bookings.
CREATE TABLE IF NOT EXISTS public.bookings (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    reference            text NOT NULL,
    car_id               uuid NOT NULL REFERENCES public.cars ON DELETE RESTRICT,
    customer_id          uuid REFERENCES public.customers ON DELETE SET NULL,
    contact              jsonb,
    status               text NOT NULL,
    start_date           date NOT NULL,
    end_date             date NOT NULL,
    turnaround_days      integer NOT NULL CHECK (turnaround_days BETWEEN 0 AND 14),
    blocked              daterange NOT NULL GENERATED ALWAYS AS (daterange(start_date, end_date + turnaround_days)) STORED,
    currency             text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    base_price_per_day   numeric(12, 2) NOT NULL CHECK (base_price_per_day >= 0),
    price_lines          jsonb NOT NULL CHECK (jsonb_typeof(price_lines) = 'array'),
    rental_amount        numeric(12, 2) NOT NULL CHECK (rental_amount >= 0),
    fees                 numeric(12, 2) NOT NULL CHECK (fees >= 0),
    discount_amount      numeric(12, 2) NOT NULL CHECK (discount_amount >= 0),
    taxes                numeric(12, 2) NOT NULL CHECK (taxes >= 0),
    deposit_amount       numeric(12, 2) NOT NULL CHECK (deposit_amount >= 0),
    final_price          numeric(12, 2) NOT NULL CHECK (final_price > 0),
    shop_reference       text CHECK (length(shop_reference) BETWEEN 1 AND 64),
    idempotency_key_hash text CHECK (idempotency_key_hash ~ '^[0-9a-f]{64}$'),
    request_hash         text CHECK (request_hash ~ '^[0-9a-f]{64}$'),
    -- Id of the HTTP request that created the booking.
    request_id           text,
    hold_expires_at      timestamptz,
    contract_signed_at   timestamptz,
    approved_at          timestamptz,
    confirmed_at         timestamptz,
    cancelled_at         timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT bookings_reference_once UNIQUE (reference),
    -- Without 0, 1, I and O, which are easily confused.
    CONSTRAINT bookings_reference_form CHECK (reference ~ '^EXO-[2-9A-HJ-NP-Z]{6}$'),
    CONSTRAINT bookings_status_known CHECK (status IN
        ('pending_payment', 'upcoming', 'active', 'completed', 'cancelled', 'expired')),
    CONSTRAINT bookings_dates_ordered CHECK (end_date > start_date AND end_date - start_date <= 366),
    CONSTRAINT bookings_price_adds_up CHECK (final_price = rental_amount + fees - discount_amount + taxes),
    CONSTRAINT bookings_idempotency_key_once UNIQUE (idempotency_key_hash),
    CONSTRAINT bookings_idempotency_pair CHECK ((idempotency_key_hash IS NULL) = (request_hash IS NULL)),
    CONSTRAINT bookings_hold_has_an_end CHECK (status <> 'pending_payment' OR hold_expires_at IS NOT NULL),
    CONSTRAINT bookings_confirmed_at CHECK (status NOT IN ('upcoming', 'active', 'completed') OR confirmed_at IS NOT NULL),
    CONSTRAINT bookings_cancelled_at CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);
-- A shop reference belongs to one live booking at a time.
CREATE UNIQUE INDEX IF NOT EXISTS bookings_shop_reference_live ON public.bookings (shop_reference)
    WHERE status IN ('pending_payment', 'upcoming', 'active');
COMMENT ON COLUMN public.bookings.blocked IS
    'The days the car is away or being prepared: the rental and its turnaround.';
COMMENT ON COLUMN public.bookings.contact IS '{fullName, email, phone} as given with this booking.';

-- A payment is one attempt to pay a booking. void_reason is set when the authorization must be
-- voided: wrong amount, the days are taken, or the booking is cancelled. Such a payment never
-- confirms the booking.
CREATE TABLE IF NOT EXISTS public.payments (
    id                       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    booking_id               uuid NOT NULL REFERENCES public.bookings ON DELETE RESTRICT,
    status                   text NOT NULL DEFAULT 'created',
    amount                   numeric(12, 2) NOT NULL CHECK (amount > 0),
    currency                 text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    order_id                 text,
    approve_url              text,
    order_created_at         timestamptz,
    authorization_id         text,
    authorized_at            timestamptz,
    authorization_expires_at timestamptz,
    reauthorized_at          timestamptz,
    capture_id               text,
    captured_at              timestamptz,
    captured_amount          numeric(12, 2) CHECK (captured_amount > 0),
    refunded_amount          numeric(12, 2) NOT NULL DEFAULT 0 CHECK (refunded_amount >= 0),
    void_reason              text,
    voided_at                timestamptz,
    failure_code             text,
    attempts                 integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- A claim of begin_authorization has no lease_id, because an authorization is recorded even
    -- after the claim has expired. A failed capture or a reauthorization is recorded only under the
    -- lease_id of its claim.
    lease_id                 uuid,
    lease_expires_at         timestamptz,
    next_attempt_at          timestamptz,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payments_status_known CHECK (status IN ('created', 'authorized', 'capturing', 'captured',
        'partially_refunded', 'refunded', 'voided', 'failed', 'expired')),
    CONSTRAINT payments_order_once UNIQUE (order_id),
    CONSTRAINT payments_authorization_once UNIQUE (authorization_id),
    CONSTRAINT payments_capture_once UNIQUE (capture_id),
    CONSTRAINT payments_order_whole CHECK ((order_id IS NULL) = (order_created_at IS NULL)),
    CONSTRAINT payments_authorization_whole CHECK (
        (authorization_id IS NULL) = (authorized_at IS NULL)
        AND (authorization_id IS NULL) = (authorization_expires_at IS NULL)),
    CONSTRAINT payments_authorized_has_id CHECK (
        status NOT IN ('authorized', 'capturing') OR authorization_id IS NOT NULL),
    CONSTRAINT payments_capture_whole CHECK (
        (status IN ('captured', 'partially_refunded', 'refunded')) = (capture_id IS NOT NULL)
        AND (capture_id IS NULL) = (captured_at IS NULL)
        AND (capture_id IS NULL) = (captured_amount IS NULL)),
    CONSTRAINT payments_refund_bounded CHECK (refunded_amount <= coalesce(captured_amount, 0)),
    CONSTRAINT payments_refund_matches CHECK (
        (status = 'partially_refunded') = (refunded_amount > 0 AND refunded_amount < captured_amount)
        AND (status = 'refunded') = (refunded_amount > 0 AND refunded_amount = captured_amount)),
    CONSTRAINT payments_lease_whole CHECK (lease_id IS NULL OR lease_expires_at IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS payments_one_standing ON public.payments (booking_id)
    WHERE status NOT IN ('voided', 'failed', 'expired') AND void_reason IS NULL;

-- Every call that moves money, written before it is made. An operation stays open until its outcome
-- is known.
CREATE TABLE IF NOT EXISTS public.payment_operations (
    -- The PayPal-Request-Id. PayPal answers a repeated id with the first outcome.
    request_id  text PRIMARY KEY,
    payment_id  uuid NOT NULL REFERENCES public.payments ON DELETE CASCADE,
    operation   text NOT NULL CHECK (operation IN ('order', 'authorize', 'capture', 'reauthorize', 'void', 'refund')),
    seq         integer NOT NULL CHECK (seq > 0),
    status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'succeeded', 'failed')),
    in_doubt    boolean NOT NULL DEFAULT true,
    subject_id  text,
    result_id   text,
    error_code  text,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT payment_operations_request_id_form CHECK (request_id = payment_id::text || ':' || operation || ':' || seq::text),
    CONSTRAINT payment_operations_seq_once UNIQUE (payment_id, operation, seq),
    CONSTRAINT payment_operations_finished CHECK ((status = 'open') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS payment_operations_one_open ON public.payment_operations (payment_id, operation, coalesce(subject_id, ''))
    WHERE status = 'open';
COMMENT ON COLUMN public.payment_operations.in_doubt IS
    'The latest attempt may have reached PayPal and its outcome is unknown.';
COMMENT ON COLUMN public.payment_operations.subject_id IS
    'Subject of the call: the order of an authorize, the authorization of a capture, reauthorize or '
    'void, the refund of a refund.';
COMMENT ON COLUMN public.payment_operations.result_id IS
    'Id in PayPal''s response: order, authorization, capture or refund.';

CREATE TABLE IF NOT EXISTS public.booking_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id  uuid NOT NULL REFERENCES public.bookings ON DELETE RESTRICT,
    from_status text,
    to_status   text NOT NULL,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE public.booking_events IS
    'One row for each change of a booking''s state, its creation included.';

ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.bookings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.payment_operations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.booking_events ENABLE ROW LEVEL SECURITY;

INSERT INTO public.schema_migrations (version) VALUES ('20250103000000_add_bookings_and_payments') ON CONFLICT DO NOTHING;
COMMIT;
