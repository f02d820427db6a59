-- Roles, schemas, extension and default privileges. Every other file relies on them.
--
-- The product reaches the database through PostgREST only. `authenticator` logs in, and the JWT of
-- the request names the role that it becomes. Only service_role has privileges. anon and
-- authenticated exist so that a request without the service key ends with "permission denied"
-- instead of "role does not exist".
--
-- Functions of schema `public` are the API. PostgREST does not expose schema `internal`.
-- Dated files are applied once, each in one transaction, and do no harm a second time. Functions
-- and triggers are in functions/.

BEGIN;
SET LOCAL client_min_messages = warning;

-- Roles belong to the cluster, not to the database. On Supabase they exist. Two databases of one
-- cluster may be migrated at the same time, so a role that exists by then is no error.
DO $$
BEGIN
    IF to_regrole('anon') IS NULL THEN
        CREATE ROLE anon NOLOGIN NOINHERIT;
    END IF;
    IF to_regrole('authenticated') IS NULL THEN
        CREATE ROLE authenticated NOLOGIN NOINHERIT;
    END IF;
    IF to_regrole('service_role') IS NULL THEN
        CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
    END IF;
    IF to_regrole('authenticator') IS NULL THEN
        CREATE ROLE authenticator LOGIN NOINHERIT NOCREATEDB NOCREATEROLE NOSUPERUSER;
        ALTER ROLE authenticator SET statement_timeout = '8s';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY ['anon', 'authenticated', 'service_role'] LOOP
        IF NOT pg_has_role('authenticator', v_role, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO authenticator', v_role);
        END IF;
    END LOOP;
EXCEPTION
    WHEN unique_violation THEN NULL;
END;
$$;

-- Supabase keeps extensions in schema `extensions`. PostgreSQL finds an operator class by its type
-- and not by the search path, so an extension in another schema works as well.
CREATE SCHEMA IF NOT EXISTS extensions;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA extensions;

CREATE SCHEMA IF NOT EXISTS internal;
REVOKE ALL ON SCHEMA internal FROM PUBLIC;
GRANT USAGE ON SCHEMA internal, public TO service_role;
COMMENT ON SCHEMA internal IS
    'Parts that the API functions of schema public share; not exposed by PostgREST.';

-- New objects are closed: PUBLIC may execute nothing, and Supabase's defaults for anon and
-- authenticated are revoked. 20250709000000_grant_service_role.sql and functions/privileges.sql
-- grant service_role what it needs, object by object.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM anon, authenticated;

CREATE TABLE IF NOT EXISTS public.schema_migrations (
    version    text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE public.schema_migrations ADD COLUMN IF NOT EXISTS checksum text;
ALTER TABLE public.schema_migrations ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE public.schema_migrations IS 'One row for each dated file: its stem.';
COMMENT ON COLUMN public.schema_migrations.applied_at IS 'Time of the first application.';
COMMENT ON COLUMN public.schema_migrations.checksum IS
    'SHA-256 of the file that `exo migrate` applied, in hexadecimal. NULL after `psql -f`: unknown.';

INSERT INTO public.schema_migrations (version) VALUES ('20250101000000_base_schema') ON CONFLICT DO NOTHING;
COMMIT;
