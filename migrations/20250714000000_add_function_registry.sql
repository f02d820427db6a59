-- The registry of migrations/functions/: which text of each file a database has.
--
-- Internal, because it is no part of the API and the product never reads it.

BEGIN;
SET LOCAL client_min_messages = warning;

CREATE TABLE IF NOT EXISTS internal.schema_functions (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    catalogue  text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE internal.schema_functions ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON internal.schema_functions FROM PUBLIC, anon, authenticated;
COMMENT ON TABLE internal.schema_functions IS
    'One row for each file of migrations/functions/. Empty after psql: the texts are unknown, and '
    'the next `exo migrate` applies all of them.';
COMMENT ON COLUMN internal.schema_functions.name IS 'Path of the file below migrations/, without .sql.';
COMMENT ON COLUMN internal.schema_functions.checksum IS 'SHA-256 of the file, in hexadecimal.';
COMMENT ON COLUMN internal.schema_functions.catalogue IS
    'Digest of all functions and triggers right after the files were applied. Another digest today '
    'means that somebody changed one by hand.';

ALTER TABLE public.schema_migrations ADD COLUMN IF NOT EXISTS checksum text;
COMMENT ON TABLE public.schema_migrations IS 'One row for each dated file: its stem.';
COMMENT ON COLUMN public.schema_migrations.applied_at IS 'Time of the first application.';
COMMENT ON COLUMN public.schema_migrations.checksum IS
    'SHA-256 of the file that `exo migrate` applied, in hexadecimal. NULL after `psql -f`: unknown.';

INSERT INTO public.schema_migrations (version) VALUES ('20250714000000_add_function_registry')
ON CONFLICT DO NOTHING;
COMMIT;
