-- AlterEnum
ALTER TYPE "DeviceOrigin" ADD VALUE 'MDM';

-- AlterTable
ALTER TABLE "device" ADD COLUMN     "mdm_told" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- AlterTable
ALTER TABLE "device_command" ADD COLUMN     "at_once" SMALLINT,
ADD COLUMN     "pushes" SMALLINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "enrollment" ADD COLUMN     "authenticated_at" TIMESTAMPTZ(3),
ADD COLUMN     "checked_out_at" TIMESTAMPTZ(3),
ADD COLUMN     "reachable_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "app_installed" (
    "organization_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "installed" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "app_installed_pkey" PRIMARY KEY ("organization_id","app_id")
);


-- A question that has not left is asked once, whoever wants to know.
CREATE UNIQUE INDEX "device_command_one_question" ON "device_command" ("organization_id", "enrollment_id", "kind", md5("request"::text))
  WHERE "state" = 'PLANNED' AND "kind" IN ('LIST_INSTALLED_APPS', 'LIST_MANAGED_APPS', 'DEVICE_INFORMATION');
-- What waits for its device to be enrolled, or to have less to do.
CREATE INDEX "device_command_parked" ON "device_command" ("organization_id", "enrollment_id") WHERE "state" = 'PLANNED' AND "due_at" IS NULL;
-- What was sent and of which nobody heard what became of it.
CREATE INDEX "device_command_unheard" ON "device_command" ("organization_id", "connection_id") WHERE "state" = 'SENT';
CREATE INDEX "device_command_ended" ON "device_command" ("ended_at") WHERE "ended_at" IS NOT NULL;

CREATE INDEX "installed_app_unknown" ON "installed_app" ("organization_id", "bundle_id") WHERE "app_id" IS NULL;

-- How many devices have an app is counted with the rows, whoever writes them; only a count that moved is news of the library.
CREATE FUNCTION "count_installed"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved BIGINT[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH delta AS (
      SELECT organization_id, app_id, count(*) AS n FROM added WHERE app_id IS NOT NULL AND NOT installing GROUP BY 1, 2
    ), kept AS (
      INSERT INTO app_installed AS c (organization_id, app_id, installed) SELECT organization_id, app_id, n FROM delta ORDER BY 1, 2
      ON CONFLICT (organization_id, app_id) DO UPDATE SET installed = c.installed + excluded.installed RETURNING c.organization_id
    ) SELECT array_agg(DISTINCT organization_id) INTO moved FROM kept;
  ELSIF TG_OP = 'DELETE' THEN
    WITH delta AS (
      SELECT organization_id, app_id, -count(*) AS n FROM gone WHERE app_id IS NOT NULL AND NOT installing GROUP BY 1, 2
    ), kept AS (
      INSERT INTO app_installed AS c (organization_id, app_id, installed) SELECT organization_id, app_id, n FROM delta ORDER BY 1, 2
      ON CONFLICT (organization_id, app_id) DO UPDATE SET installed = c.installed + excluded.installed RETURNING c.organization_id
    ) SELECT array_agg(DISTINCT organization_id) INTO moved FROM kept;
  ELSE
    WITH delta AS (
      SELECT organization_id, app_id, sum(one) AS n FROM (
        SELECT organization_id, app_id, 1 AS one FROM added WHERE app_id IS NOT NULL AND NOT installing
        UNION ALL SELECT organization_id, app_id, -1 FROM gone WHERE app_id IS NOT NULL AND NOT installing
      ) r GROUP BY 1, 2 HAVING sum(one) <> 0
    ), kept AS (
      INSERT INTO app_installed AS c (organization_id, app_id, installed) SELECT organization_id, app_id, n FROM delta ORDER BY 1, 2
      ON CONFLICT (organization_id, app_id) DO UPDATE SET installed = c.installed + excluded.installed RETURNING c.organization_id
    ) SELECT array_agg(DISTINCT organization_id) INTO moved FROM kept;
  END IF;
  PERFORM pg_notify('russet', 'library:' || o) FROM unnest(moved) AS m(o);
  RETURN NULL;
END $$;
CREATE TRIGGER "installed_new" AFTER INSERT ON "installed_app" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "count_installed"();
CREATE TRIGGER "installed_change" AFTER UPDATE ON "installed_app" REFERENCING OLD TABLE AS gone NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "count_installed"();
CREATE TRIGGER "installed_loss" AFTER DELETE ON "installed_app" REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION "count_installed"();

-- The store tells a bundle id after devices did: their apps are known from then on.
CREATE FUNCTION "know_installed"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE installed_app i SET app_id = m.app_id FROM (
    SELECT organization_id, bundle_id, min(app_id) AS app_id FROM changed WHERE bundle_id IS NOT NULL GROUP BY 1, 2
  ) m WHERE i.organization_id = m.organization_id AND i.bundle_id = m.bundle_id AND i.app_id IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER "know_installed_new" AFTER INSERT ON "app_metadata" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "know_installed"();
CREATE TRIGGER "know_installed_change" AFTER UPDATE ON "app_metadata" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "know_installed"();
