-- A refusal may end as soon as its device is heard of again: that of a device whose license came back because nobody heard of it.
ALTER TABLE "deployment_refusal" ADD COLUMN "until_seen" BOOLEAN NOT NULL DEFAULT false;

-- Installs that came to nothing, by when: what deployments do not try again at once.
CREATE INDEX "app_operation_failed" ON "app_operation" ("organization_id", "ended_at")
  WHERE "kind" = 'INSTALL' AND "state" IN ('FAILED', 'TIMED_OUT', 'CANCELLED');

-- With the way to the devices comes and goes what deployments can do.
CREATE TRIGGER "deployments_new" AFTER INSERT ON "mdm_connection" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE FUNCTION "wake_deployments_of_connections"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "deployment_wake" ("organization_id")
  SELECT DISTINCT c."organization_id" FROM "changed" c
  JOIN "before" b ON b."organization_id" = c."organization_id" AND b."id" = c."id"
  WHERE b."removed_at" IS DISTINCT FROM c."removed_at"
    AND EXISTS (SELECT 1 FROM "deployment" p WHERE p."organization_id" = c."organization_id");
  RETURN NULL;
END $$;
CREATE TRIGGER "deployments_change" AFTER UPDATE ON "mdm_connection" REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments_of_connections"();
