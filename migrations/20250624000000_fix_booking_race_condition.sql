-- Two live bookings of one car never share a day. The database refuses the second, whatever the
-- callers do. `blocked` includes the turnaround, so a car cannot be booked while it is prepared.

BEGIN;
SET LOCAL client_min_messages = warning;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint
                   WHERE conname = 'bookings_no_overlap' AND conrelid = 'public.bookings'::regclass) THEN
        ALTER TABLE public.bookings ADD CONSTRAINT bookings_no_overlap
            EXCLUDE USING gist (car_id WITH =, blocked WITH &&)
            WHERE (status IN ('pending_payment', 'upcoming', 'active'));
    END IF;
END;
$$;

INSERT INTO public.schema_migrations (version) VALUES ('20250624000000_fix_booking_race_condition') ON CONFLICT DO NOTHING;
COMMIT;
