-- Indexes for the reads of every request, and for foreign keys that a delete or join follows.
-- Columns that a constraint indexes (slugs, keys, the blocked days of a car) have none here.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE INDEX IF NOT EXISTS cars_listed ON public.cars (featured DESC, name, id) WHERE status = 'listed';
CREATE INDEX IF NOT EXISTS cars_listed_by_category ON public.cars (lower(category)) WHERE status = 'listed';
CREATE INDEX IF NOT EXISTS car_features_by_feature ON public.car_features (lower(feature), car_id);
CREATE INDEX IF NOT EXISTS pricing_rules_by_car ON public.pricing_rules (car_id, kind) WHERE active;

CREATE INDEX IF NOT EXISTS bookings_by_car ON public.bookings (car_id, start_date);
CREATE INDEX IF NOT EXISTS bookings_by_customer ON public.bookings (customer_id);
CREATE INDEX IF NOT EXISTS bookings_by_shop_reference ON public.bookings (shop_reference, created_at DESC)
    WHERE shop_reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS bookings_lapsing ON public.bookings (hold_expires_at) WHERE status = 'pending_payment';
CREATE INDEX IF NOT EXISTS bookings_recent ON public.bookings (created_at);

CREATE INDEX IF NOT EXISTS payments_by_booking ON public.payments (booking_id, created_at DESC);
CREATE INDEX IF NOT EXISTS payments_uncaptured ON public.payments (booking_id) WHERE status IN ('authorized', 'capturing');
CREATE INDEX IF NOT EXISTS payment_operations_by_result ON public.payment_operations (result_id)
    WHERE operation = 'order';
CREATE INDEX IF NOT EXISTS booking_events_by_booking ON public.booking_events (booking_id, id);

INSERT INTO public.schema_migrations (version) VALUES ('20250623_add_critical_performance_indexes') ON CONFLICT DO NOTHING;
COMMIT;
