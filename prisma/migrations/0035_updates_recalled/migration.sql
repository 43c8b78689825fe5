-- AlterTable
ALTER TABLE "app_operation" ADD COLUMN     "recalled" JSONB;

-- AlterTable
ALTER TABLE "idempotency_key" ADD COLUMN     "answer" TEXT;

-- From here on by hand: what Prisma has no words for.

-- Whether an app for these device families runs on such a device; one that names none, or of which nothing is known, does.
CREATE FUNCTION "fits_family"(families text[], family "DeviceFamily") RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(cardinality(families), 0) = 0 OR CASE family
    WHEN 'IPAD' THEN families && ARRAY['ipad', 'iphone'] WHEN 'IPHONE' THEN families && ARRAY['iphone'] WHEN 'IPOD' THEN families && ARRAY['ipod', 'iphone']
    WHEN 'MAC' THEN families && ARRAY['mac'] WHEN 'APPLE_TV' THEN families && ARRAY['tvos', 'appletv'] ELSE true END
$$;

-- Storefronts are found once and not for each app of each device; who fits is asked in one place.
-- How an installed store app stands beside the store: one word, from which follows what can be done (src/domain/update/availability.ts).
-- External version ids are names, not numbers: they are compared by <> alone.
CREATE OR REPLACE VIEW "app_availability" AS
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
    WHEN NOT fits_family(m.device_families, d.family) THEN 'DEVICE_FAMILY'
    WHEN i.has_update IS NULL THEN 'VERSION_DIFFERS'
    WHEN (SELECT max(e.listed_at) FROM enrollment e WHERE e.organization_id = i.organization_id AND e.device_id = i.device_id AND e.state <> 'GONE')
      > m.version_seen_at + interval '1 day' THEN 'NOT_OFFERED'
    ELSE 'NOT_LOOKED_YET'
  END AS reason
FROM installed_app i
JOIN device d ON d.organization_id = i.organization_id AND d.id = i.device_id AND d.removed_at IS NULL
LEFT JOIN app_storefront a ON a.organization_id = i.organization_id AND a.app_id = i.app_id
CROSS JOIN LATERAL (
  SELECT a.app_id, CASE WHEN a.storefronts = 1 THEN a.storefront ELSE coalesce((
    SELECT t.region FROM license l JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id
    WHERE l.organization_id = i.organization_id AND l.device_id = i.device_id AND l.app_id = i.app_id AND l.ended_at IS NULL ORDER BY l.id LIMIT 1), a.storefront) END AS storefront
) s
LEFT JOIN app_metadata m ON m.organization_id = i.organization_id AND m.app_id = i.app_id AND m.storefront = s.storefront
  AND m.platform = CASE d.family WHEN 'MAC' THEN 'osx' WHEN 'APPLE_TV' THEN 'appletvos' ELSE 'ios' END
WHERE i.app_id IS NOT NULL;

-- Which policy holds and when its windows open depends on these; whoever changes them need not think of updates.
CREATE FUNCTION "wake_updates"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "update_wake" ("organization_id")
  SELECT DISTINCT c."organization_id" FROM "changed" c JOIN "update_schedule" s ON s."organization_id" = c."organization_id";
  RETURN NULL;
END $$;

CREATE FUNCTION "wake_updates_of_organization"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "update_wake" ("organization_id") SELECT s."organization_id" FROM "update_schedule" s WHERE s."organization_id" = NEW."id";
  RETURN NULL;
END $$;

CREATE FUNCTION "wake_updates_of_devices"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "update_wake" ("organization_id", "device_id")
  SELECT c."organization_id", c."id" FROM "changed" c
  JOIN "before" b ON b."organization_id" = c."organization_id" AND b."id" = c."id"
  JOIN "update_schedule" s ON s."organization_id" = c."organization_id"
  WHERE (b."family", b."os_version", b."name", b."supervised", b."origin", b."removed_at")
      IS DISTINCT FROM (c."family", c."os_version", c."name", c."supervised", c."origin", c."removed_at");
  RETURN NULL;
END $$;

CREATE FUNCTION "wake_updates_of_enrollments"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "update_wake" ("organization_id", "device_id")
  SELECT c."organization_id", c."device_id" FROM "changed" c
  JOIN "before" b ON b."organization_id" = c."organization_id" AND b."id" = c."id"
  JOIN "update_schedule" s ON s."organization_id" = c."organization_id"
  WHERE c."device_id" IS NOT NULL AND b."time_zone" IS DISTINCT FROM c."time_zone";
  RETURN NULL;
END $$;

CREATE TRIGGER "updates_zone" AFTER UPDATE OF "time_zone" ON "organization" FOR EACH ROW WHEN (OLD."time_zone" <> NEW."time_zone") EXECUTE FUNCTION "wake_updates_of_organization"();
CREATE TRIGGER "updates_zone" AFTER UPDATE ON "enrollment" REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_updates_of_enrollments"();
CREATE TRIGGER "updates_change" AFTER UPDATE ON "device" REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_updates_of_devices"();
CREATE TRIGGER "updates_new" AFTER INSERT ON "device_group_member" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_updates"();
CREATE TRIGGER "updates_loss" AFTER DELETE ON "device_group_member" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_updates"();
CREATE TRIGGER "updates_change" AFTER UPDATE ON "device_group" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_updates"();
CREATE TRIGGER "updates_loss" AFTER DELETE ON "device_group" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_updates"();
