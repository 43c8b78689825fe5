-- AlterTable
ALTER TABLE "token_webhook" ADD COLUMN     "retired_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "app_installed_version" (
    "organization_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "external_version_id" TEXT NOT NULL,
    "short_version" TEXT NOT NULL,
    "installed" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "app_installed_version_pkey" PRIMARY KEY ("organization_id","app_id","external_version_id","short_version")
);

-- What was rotated before keeps its day of grace from now on.
UPDATE "token_webhook" SET "retired_at" = now() WHERE "retired_webhook_id" IS NOT NULL;

-- The channel of a device's user is asked nothing.
UPDATE "enrollment" SET "information_due_at" = NULL, "list_due_at" = NULL WHERE "type" = 'USER';
-- When devices of an organization last told their apps.
CREATE INDEX "enrollment_listed" ON "enrollment" ("organization_id", "listed_at") WHERE "listed_at" IS NOT NULL;
-- News at which Russet failed again and again: there should be none.
CREATE INDEX "device_news_set_aside" ON "device_news" ("organization_id", "connection_id", "id") WHERE "outcome" = 'SET_ASIDE';

-- How many devices have an app, and in which versions, is counted with the rows, whoever writes them. Only a count that
-- moved is news of the library. Devices write texts of any length; a key has to end somewhere.
CREATE OR REPLACE FUNCTION "count_installed"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved BIGINT[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH delta AS MATERIALIZED (
      SELECT o, a, e, s, sum(one) AS n FROM (
      SELECT organization_id AS o, app_id AS a, left(coalesce(external_version_id, ''), 40) AS e, left(coalesce(short_version, version, ''), 100) AS s, 1 AS one
      FROM added WHERE app_id IS NOT NULL AND NOT installing
      ) r GROUP BY 1, 2, 3, 4 HAVING sum(one) <> 0
    ), versions AS (
      INSERT INTO app_installed_version AS v (organization_id, app_id, external_version_id, short_version, installed)
      SELECT o, a, e, s, n FROM delta ORDER BY 1, 2, 3, 4
      ON CONFLICT (organization_id, app_id, external_version_id, short_version) DO UPDATE SET installed = v.installed + excluded.installed
    ), kept AS (
      INSERT INTO app_installed AS c (organization_id, app_id, installed) SELECT o, a, sum(n) FROM delta GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
      ON CONFLICT (organization_id, app_id) DO UPDATE SET installed = c.installed + excluded.installed RETURNING c.organization_id
    ) SELECT array_agg(DISTINCT organization_id) INTO moved FROM kept;
  ELSIF TG_OP = 'DELETE' THEN
    WITH delta AS MATERIALIZED (
      SELECT o, a, e, s, sum(one) AS n FROM (
      SELECT organization_id AS o, app_id AS a, left(coalesce(external_version_id, ''), 40) AS e, left(coalesce(short_version, version, ''), 100) AS s, -1 AS one
      FROM gone WHERE app_id IS NOT NULL AND NOT installing
      ) r GROUP BY 1, 2, 3, 4 HAVING sum(one) <> 0
    ), versions AS (
      INSERT INTO app_installed_version AS v (organization_id, app_id, external_version_id, short_version, installed)
      SELECT o, a, e, s, n FROM delta ORDER BY 1, 2, 3, 4
      ON CONFLICT (organization_id, app_id, external_version_id, short_version) DO UPDATE SET installed = v.installed + excluded.installed
    ), kept AS (
      INSERT INTO app_installed AS c (organization_id, app_id, installed) SELECT o, a, sum(n) FROM delta GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
      ON CONFLICT (organization_id, app_id) DO UPDATE SET installed = c.installed + excluded.installed RETURNING c.organization_id
    ) SELECT array_agg(DISTINCT organization_id) INTO moved FROM kept;
  ELSE
    WITH delta AS MATERIALIZED (
      SELECT o, a, e, s, sum(one) AS n FROM (
      SELECT organization_id AS o, app_id AS a, left(coalesce(external_version_id, ''), 40) AS e, left(coalesce(short_version, version, ''), 100) AS s, 1 AS one
      FROM added WHERE app_id IS NOT NULL AND NOT installing
      UNION ALL SELECT organization_id AS o, app_id AS a, left(coalesce(external_version_id, ''), 40) AS e, left(coalesce(short_version, version, ''), 100) AS s, -1 AS one
      FROM gone WHERE app_id IS NOT NULL AND NOT installing
      ) r GROUP BY 1, 2, 3, 4 HAVING sum(one) <> 0
    ), versions AS (
      INSERT INTO app_installed_version AS v (organization_id, app_id, external_version_id, short_version, installed)
      SELECT o, a, e, s, n FROM delta ORDER BY 1, 2, 3, 4
      ON CONFLICT (organization_id, app_id, external_version_id, short_version) DO UPDATE SET installed = v.installed + excluded.installed
    ), kept AS (
      INSERT INTO app_installed AS c (organization_id, app_id, installed) SELECT o, a, sum(n) FROM delta GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
      ON CONFLICT (organization_id, app_id) DO UPDATE SET installed = c.installed + excluded.installed RETURNING c.organization_id
    ) SELECT array_agg(DISTINCT organization_id) INTO moved FROM kept;
  END IF;
  PERFORM pg_notify('russet', 'library:' || o) FROM unnest(moved) AS m(o);
  RETURN NULL;
END $$;

INSERT INTO app_installed_version (organization_id, app_id, external_version_id, short_version, installed)
SELECT organization_id, app_id, left(coalesce(external_version_id, ''), 40), left(coalesce(short_version, version, ''), 100), count(*)
FROM installed_app WHERE app_id IS NOT NULL AND NOT installing GROUP BY 1, 2, 3, 4;

-- The store tells a bundle id after devices did: their apps are known from then on. In the order in which everybody locks them.
CREATE OR REPLACE FUNCTION "know_installed"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE installed_app i SET app_id = o.app_id FROM (
    SELECT k.organization_id, k.device_id, k.bundle_id, m.app_id FROM (
      SELECT organization_id, bundle_id, min(app_id) AS app_id FROM changed WHERE bundle_id IS NOT NULL GROUP BY 1, 2
    ) m JOIN installed_app k ON k.organization_id = m.organization_id AND k.bundle_id = m.bundle_id AND k.app_id IS NULL
    ORDER BY k.organization_id, k.device_id, k.bundle_id FOR UPDATE OF k
  ) o WHERE i.organization_id = o.organization_id AND i.device_id = o.device_id AND i.bundle_id = o.bundle_id;
  RETURN NULL;
END $$;
