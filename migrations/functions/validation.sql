-- Checks every function body. Applied last.
--
-- The files before this one are applied with check_function_bodies off. A function may call one of
-- a later file, so the order of files does not matter. Here all functions exist, and the validators
-- of their languages check each body, as CREATE FUNCTION would have done.

SET LOCAL check_function_bodies = on;
DO $$
DECLARE
    v_function record;
BEGIN
    FOR v_function IN
        SELECT p.oid, v.oid::pg_catalog.regproc AS validator
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        JOIN pg_catalog.pg_proc AS v ON v.oid = l.lanvalidator
        WHERE p.pronamespace IN ('public'::regnamespace, 'internal'::regnamespace)
          AND l.lanname IN ('sql', 'plpgsql')
          AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('SELECT %s(%s)', v_function.validator, v_function.oid);
    END LOOP;
END;
$$;
