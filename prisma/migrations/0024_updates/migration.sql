-- CreateEnum
CREATE TYPE "UpdateMode" AS ENUM ('IMMEDIATELY', 'SCHEDULED', 'NEVER');

-- CreateEnum
CREATE TYPE "UpdateZone" AS ENUM ('ORGANIZATION', 'DEVICE');

-- CreateEnum
CREATE TYPE "UpdateItemState" AS ENUM ('WAITING', 'ASKED', 'ANSWERED', 'SENT', 'UPDATED', 'UNCHANGED', 'FAILED', 'TIMED_OUT', 'CURRENT', 'CARRIED_OVER', 'CANCELLED');

-- AlterTable
ALTER TABLE "app_metadata" ADD COLUMN     "version_seen_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "app_operation" ADD COLUMN     "not_after" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "device_command" ADD COLUMN     "not_after" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "update_policy" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "app_id" BIGINT,
    "group_id" BIGINT,
    "position" INTEGER NOT NULL DEFAULT 0,
    "mode" "UpdateMode" NOT NULL,
    "zone" "UpdateZone" NOT NULL DEFAULT 'ORGANIZATION',
    "windows" JSONB NOT NULL,
    "rings" JSONB NOT NULL,
    "max_in_flight" INTEGER NOT NULL,
    "jitter_minutes" INTEGER NOT NULL DEFAULT 0,
    "pause_at_percent" INTEGER,
    "pause_after" INTEGER NOT NULL DEFAULT 20,
    "max_attempts" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "update_policy_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "update_schedule" (
    "organization_id" BIGINT NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "looked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "update_schedule_pkey" PRIMARY KEY ("organization_id")
);

-- CreateTable
CREATE TABLE "update_run" (
    "organization_id" BIGINT NOT NULL,
    "task_id" BIGINT NOT NULL,
    "policy_id" BIGINT NOT NULL,
    "zone" TEXT NOT NULL,
    "opens_at" TIMESTAMPTZ(3) NOT NULL,
    "closes_at" TIMESTAMPTZ(3) NOT NULL,
    "hard_stop" BOOLEAN NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "update_run_pkey" PRIMARY KEY ("organization_id","task_id")
);

-- CreateTable
CREATE TABLE "update_item" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "task_id" BIGINT NOT NULL,
    "rollout_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "ring" SMALLINT NOT NULL,
    "state" "UpdateItemState" NOT NULL DEFAULT 'WAITING',
    "version_before" TEXT,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "command_id" BIGINT,
    "asked_at" TIMESTAMPTZ(3),
    "answered_at" TIMESTAMPTZ(3),
    "operation_id" BIGINT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "update_item_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "update_rollout" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "policy_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "target_version" TEXT NOT NULL,
    "ring" SMALLINT NOT NULL DEFAULT 0,
    "ring_since" TIMESTAMPTZ(3),
    "updated" INTEGER NOT NULL DEFAULT 0,
    "unchanged" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "timed_out" INTEGER NOT NULL DEFAULT 0,
    "paused_at" TIMESTAMPTZ(3),
    "pause_cause" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "update_rollout_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "update_attempt" (
    "organization_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "target_version" TEXT NOT NULL,
    "attempts" SMALLINT NOT NULL DEFAULT 0,
    "outcome" TEXT,
    "cause" JSONB,
    "last_at" TIMESTAMPTZ(3),
    "next_at" TIMESTAMPTZ(3),
    "stuck_at" TIMESTAMPTZ(3),

    CONSTRAINT "update_attempt_pkey" PRIMARY KEY ("organization_id","device_id","app_id","target_version")
);

-- CreateTable
CREATE TABLE "update_wake" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "app_id" BIGINT,
    "device_id" BIGINT,

    CONSTRAINT "update_wake_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "update_run_organization_id_policy_id_zone_opens_at_key" ON "update_run"("organization_id", "policy_id", "zone", "opens_at");

-- CreateIndex
CREATE INDEX "update_item_organization_id_task_id_id_idx" ON "update_item"("organization_id", "task_id", "id");

-- CreateIndex
CREATE INDEX "update_item_organization_id_device_id_app_id_id_idx" ON "update_item"("organization_id", "device_id", "app_id", "id");

-- CreateIndex
CREATE INDEX "update_item_organization_id_rollout_id_ring_idx" ON "update_item"("organization_id", "rollout_id", "ring");

-- CreateIndex
CREATE UNIQUE INDEX "update_rollout_organization_id_policy_id_app_id_target_vers_key" ON "update_rollout"("organization_id", "policy_id", "app_id", "target_version");

-- AddForeignKey
ALTER TABLE "update_policy" ADD CONSTRAINT "update_policy_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "update_policy" ADD CONSTRAINT "update_policy_organization_id_app_id_fkey" FOREIGN KEY ("organization_id", "app_id") REFERENCES "app"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "update_policy" ADD CONSTRAINT "update_policy_organization_id_group_id_fkey" FOREIGN KEY ("organization_id", "group_id") REFERENCES "device_group"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "update_run" ADD CONSTRAINT "update_run_organization_id_task_id_fkey" FOREIGN KEY ("organization_id", "task_id") REFERENCES "task"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "update_item" ADD CONSTRAINT "update_item_organization_id_task_id_fkey" FOREIGN KEY ("organization_id", "task_id") REFERENCES "update_run"("organization_id", "task_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- From here on by hand: what Prisma has no words for.

-- One policy for each app, group, pair of them, and one for all.
CREATE UNIQUE INDEX "update_policy_one" ON "update_policy" ("organization_id", coalesce("app_id", 0), coalesce("group_id", 0));
ALTER TABLE "update_policy" ADD CONSTRAINT "update_policy_windows" CHECK (("mode" = 'SCHEDULED') = (jsonb_array_length("windows") > 0));
ALTER TABLE "update_policy" ADD CONSTRAINT "update_policy_positive" CHECK ("max_in_flight" > 0 AND "max_attempts" > 0 AND "jitter_minutes" >= 0 AND "pause_after" > 0);

CREATE INDEX "update_schedule_due" ON "update_schedule" ("due_at") WHERE "due_at" IS NOT NULL;

CREATE INDEX "update_run_open" ON "update_run" ("organization_id", "policy_id") WHERE "ended_at" IS NULL;

-- One item for each device and app that has not ended; a device has one update under way at a time.
CREATE UNIQUE INDEX "update_item_one" ON "update_item" ("organization_id", "device_id", "app_id") WHERE "ended_at" IS NULL;
CREATE UNIQUE INDEX "update_item_sent" ON "update_item" ("organization_id", "device_id") WHERE "state" = 'SENT';
CREATE INDEX "update_item_next" ON "update_item" ("organization_id", "state", "due_at", "id") WHERE "ended_at" IS NULL;
CREATE INDEX "update_item_of_operation" ON "update_item" ("organization_id", "operation_id") WHERE "operation_id" IS NOT NULL;
ALTER TABLE "update_item" ADD CONSTRAINT "update_item_ended" CHECK (("ended_at" IS NULL) = ("state" IN ('WAITING', 'ASKED', 'ANSWERED', 'SENT')));

CREATE INDEX "update_attempt_next" ON "update_attempt" ("organization_id", "next_at") WHERE "next_at" IS NOT NULL AND "stuck_at" IS NULL;

-- Since when a storefront has which version; whoever has policies is told of a new one.
CREATE FUNCTION "note_version"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.external_version_id IS DISTINCT FROM OLD.external_version_id THEN
    NEW.version_seen_at := NEW.fetched_at;
    INSERT INTO update_wake (organization_id, app_id) SELECT s.organization_id, NEW.app_id FROM update_schedule s WHERE s.organization_id = NEW.organization_id;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "version_seen" BEFORE INSERT OR UPDATE ON "app_metadata" FOR EACH ROW EXECUTE FUNCTION "note_version"();
UPDATE "app_metadata" SET "version_seen_at" = "fetched_at";

-- The storefronts in which an organization's tokens hold an app: that of the first token in order, and how many.
CREATE VIEW "app_storefront" AS
SELECT p.organization_id, p.app_id, (array_agg(t.region ORDER BY t.position, t.id))[1] AS storefront, count(DISTINCT t.region) AS storefronts
FROM license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id
WHERE p.gone_at IS NULL AND t.removed_at IS NULL
GROUP BY p.organization_id, p.app_id;

-- How an installed store app stands beside the store: one word, from which follows what can be done (src/domain/update/availability.ts).
-- External version ids are names, not numbers: they are compared by <> alone.
CREATE VIEW "app_availability" AS
SELECT i.organization_id, i.device_id, i.app_id, i.bundle_id, d.family, d.os_version, i.external_version_id AS installed_version, i.short_version AS installed_name, i.has_update,
  s.storefront, m.external_version_id AS store_version, m.version AS store_name, m.minimum_os_version, m.device_families, m.version_seen_at,
  coalesce(m.external_version_id, '>' || i.external_version_id) AS target_version,
  CASE
    WHEN i.external_version_id = '0' THEN 'IN_HOUSE'
    WHEN i.installing THEN 'INSTALLING'
    WHEN i.external_version_id IS NULL THEN 'VERSION_UNKNOWN'
    WHEN i.external_version_id = m.external_version_id THEN 'CURRENT'
    WHEN s.app_id IS NULL THEN 'NO_TOKEN'
    WHEN i.has_update THEN 'DEVICE_OFFERS'
    WHEN d.family = 'UNKNOWN' THEN 'FAMILY_UNKNOWN'
    WHEN m.external_version_id IS NULL THEN CASE
      WHEN NOT EXISTS (SELECT 1 FROM app_metadata o WHERE o.organization_id = i.organization_id AND o.app_id = i.app_id AND o.external_version_id IS NOT NULL) THEN 'NO_METADATA'
      WHEN EXISTS (SELECT 1 FROM app_metadata o WHERE o.organization_id = i.organization_id AND o.app_id = i.app_id AND o.storefront = s.storefront AND o.external_version_id IS NOT NULL) THEN 'PLATFORM'
      ELSE 'STOREFRONT' END
    WHEN version_numbers(d.os_version) < version_numbers(m.minimum_os_version) THEN 'OS_TOO_OLD'
    WHEN cardinality(m.device_families) > 0 AND NOT m.device_families && CASE d.family
      WHEN 'IPAD' THEN ARRAY['ipad', 'iphone'] WHEN 'IPHONE' THEN ARRAY['iphone'] WHEN 'IPOD' THEN ARRAY['ipod', 'iphone'] WHEN 'MAC' THEN ARRAY['mac']
      WHEN 'APPLE_TV' THEN ARRAY['tvos', 'appletv'] ELSE m.device_families END THEN 'DEVICE_FAMILY'
    WHEN i.has_update IS NULL THEN 'VERSION_DIFFERS'
    WHEN (SELECT max(e.listed_at) FROM enrollment e WHERE e.organization_id = i.organization_id AND e.device_id = i.device_id AND e.state <> 'GONE')
      > m.version_seen_at + interval '1 day' THEN 'NOT_OFFERED'
    ELSE 'NOT_LOOKED_YET'
  END AS reason
FROM installed_app i
JOIN device d ON d.organization_id = i.organization_id AND d.id = i.device_id AND d.removed_at IS NULL
LEFT JOIN LATERAL (
  SELECT a.app_id, CASE WHEN a.storefronts = 1 THEN a.storefront ELSE coalesce((
    SELECT t.region FROM license l JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id
    WHERE l.organization_id = i.organization_id AND l.device_id = i.device_id AND l.app_id = i.app_id AND l.ended_at IS NULL ORDER BY l.id LIMIT 1), a.storefront) END AS storefront
  FROM app_storefront a WHERE a.organization_id = i.organization_id AND a.app_id = i.app_id
) s ON true
LEFT JOIN app_metadata m ON m.organization_id = i.organization_id AND m.app_id = i.app_id AND m.storefront = s.storefront
  AND m.platform = CASE d.family WHEN 'MAC' THEN 'osx' WHEN 'APPLE_TV' THEN 'appletvos' ELSE 'ios' END
WHERE i.app_id IS NOT NULL;
