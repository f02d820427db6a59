-- Applies the missing migrations with psql alone. `exo migrate` does the same, and records
-- checksums. From a checkout: psql "$DATABASE_URL" -f migrations/apply.sql
--
-- A dated file is applied when public.schema_migrations does not list it. The functions are applied
-- each time, in one transaction. They lock no table unless a trigger is missing or different. If a
-- lock is not free within five seconds, the script stops. Run it again, and it resumes.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET statement_timeout = 0;

-- One run at a time, `exo migrate` included. The number is `exo_migr` in ASCII.
SELECT pg_catalog.pg_advisory_lock(7311716450684200818) IS NULL AS locked \gset
SET lock_timeout = '5s';

-- The first file creates the list itself.
SELECT to_regclass('public.schema_migrations') IS NULL AS is_due \gset
\if :is_due
    \ir 20250101000000_base_schema.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250102000000_add_catalogue') AS is_due \gset
\if :is_due
    \ir 20250102000000_add_catalogue.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250103000000_add_bookings_and_payments') AS is_due \gset
\if :is_due
    \ir 20250103000000_add_bookings_and_payments.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250623_add_critical_performance_indexes') AS is_due \gset
\if :is_due
    \ir 20250623_add_critical_performance_indexes.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250623_add_webhook_retries') AS is_due \gset
\if :is_due
    \ir 20250623_add_webhook_retries.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250624000000_fix_booking_race_condition') AS is_due \gset
\if :is_due
    \ir 20250624000000_fix_booking_race_condition.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250625000000_add_audit_and_security') AS is_due \gset
\if :is_due
    \ir 20250625000000_add_audit_and_security.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250703000000_add_payment_capture_rules') AS is_due \gset
\if :is_due
    \ir 20250703000000_add_payment_capture_rules.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250709000000_grant_service_role') AS is_due \gset
\if :is_due
    \ir 20250709000000_grant_service_role.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250710000000_add_cancellations_and_refunds') AS is_due \gset
\if :is_due
    \ir 20250710000000_add_cancellations_and_refunds.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250711000000_add_webhook_inbox') AS is_due \gset
\if :is_due
    \ir 20250711000000_add_webhook_inbox.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250712000000_add_reconciliation') AS is_due \gset
\if :is_due
    \ir 20250712000000_add_reconciliation.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250714000000_add_function_registry') AS is_due \gset
\if :is_due
    \ir 20250714000000_add_function_registry.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250716000000_add_paypal_evidence') AS is_due \gset
\if :is_due
    \ir 20250716000000_add_paypal_evidence.sql
\endif
SELECT NOT EXISTS (SELECT FROM public.schema_migrations
                   WHERE version = '20250721000000_add_retention') AS is_due \gset
\if :is_due
    \ir 20250721000000_add_retention.sql
\endif

-- All functions change in one transaction, so that old and new ones never call each other.
BEGIN;
SET LOCAL check_function_bodies = off;
\ir functions/audit.sql
\ir functions/authorizations.sql
\ir functions/availability.sql
\ir functions/bookings.sql
\ir functions/cancellations.sql
\ir functions/capture_rules.sql
\ir functions/captures.sql
\ir functions/crons.sql
\ir functions/disputes.sql
\ir functions/findings.sql
\ir functions/formats.sql
\ir functions/holds.sql
\ir functions/listing.sql
\ir functions/observations.sql
\ir functions/operator_requests.sql
\ir functions/operators.sql
\ir functions/orders.sql
\ir functions/payment_sums.sql
\ir functions/payments.sql
\ir functions/pricing.sql
\ir functions/reauthorizations.sql
\ir functions/reconciliation.sql
\ir functions/refunds.sql
\ir functions/retention.sql
\ir functions/states.sql
\ir functions/voids.sql
\ir functions/webhooks.sql
\ir functions/triggers.sql
\ir functions/privileges.sql
\ir functions/validation.sql
-- psql knows no checksums: the next `exo migrate` applies the functions once more.
DELETE FROM internal.schema_functions;
COMMIT;

-- PostgREST caches the functions' signatures.
-- https://docs.postgrest.org/en/stable/references/schema_cache.html
NOTIFY pgrst, 'reload schema';
SELECT pg_catalog.pg_advisory_unlock(7311716450684200818) AS unlocked \gset
