-- CreateEnum
CREATE TYPE "DeploymentMode" AS ENUM ('LICENSE_ONLY', 'LICENSE_AND_INSTALL', 'NONE');

-- CreateTable
CREATE TABLE "deployment" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "app_id" BIGINT NOT NULL,
    "group_id" BIGINT NOT NULL,
    "mode" "DeploymentMode" NOT NULL,
    "token_id" BIGINT,
    "rank" INTEGER NOT NULL DEFAULT 0,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "problem" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "deployment_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "deployment_refusal" (
    "organization_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,
    "code" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "refused_at" TIMESTAMPTZ(3) NOT NULL,
    "retry_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "deployment_refusal_pkey" PRIMARY KEY ("organization_id","app_id","device_id")
);

-- CreateTable
CREATE TABLE "deployment_wake" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,

    CONSTRAINT "deployment_wake_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "deployment_pass" (
    "organization_id" BIGINT NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "granted" INTEGER NOT NULL DEFAULT 0,
    "refused" INTEGER NOT NULL DEFAULT 0,
    "revoked" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "deployment_pass_pkey" PRIMARY KEY ("organization_id")
);

-- CreateIndex
CREATE INDEX "deployment_organization_id_group_id_idx" ON "deployment"("organization_id", "group_id");

-- CreateIndex
CREATE UNIQUE INDEX "deployment_organization_id_app_id_group_id_key" ON "deployment"("organization_id", "app_id", "group_id");

-- CreateIndex
CREATE INDEX "deployment_pass_due_at_idx" ON "deployment_pass"("due_at");

-- AddForeignKey
ALTER TABLE "deployment" ADD CONSTRAINT "deployment_organization_id_group_id_fkey" FOREIGN KEY ("organization_id", "group_id") REFERENCES "device_group"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- From here on by hand: what Prisma has no words for.

-- Whatever deployments depend on leaves a line when it changes, so that no writer has to think of them.
CREATE FUNCTION "wake_deployments"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "deployment_wake" ("organization_id")
  SELECT DISTINCT c."organization_id" FROM "changed" c
  WHERE EXISTS (SELECT 1 FROM "deployment" p WHERE p."organization_id" = c."organization_id");
  RETURN NULL;
END $$;

CREATE FUNCTION "wake_deployments_of_devices"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "deployment_wake" ("organization_id")
  SELECT DISTINCT c."organization_id" FROM "changed" c
  JOIN "before" b ON b."organization_id" = c."organization_id" AND b."id" = c."id"
  WHERE (b."family", b."os_version", b."name", b."supervised", b."origin", b."removed_at")
      IS DISTINCT FROM (c."family", c."os_version", c."name", c."supervised", c."origin", c."removed_at")
    AND EXISTS (SELECT 1 FROM "deployment" p WHERE p."organization_id" = c."organization_id");
  RETURN NULL;
END $$;

CREATE FUNCTION "wake_deployments_of_pools"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "deployment_wake" ("organization_id")
  SELECT DISTINCT c."organization_id" FROM "changed" c
  JOIN "before" b ON b."organization_id" = c."organization_id" AND b."id" = c."id"
  WHERE (b."total", b."unlimited", b."device_assignable", b."supported_platforms", b."gone_at")
      IS DISTINCT FROM (c."total", c."unlimited", c."device_assignable", c."supported_platforms", c."gone_at")
    AND EXISTS (SELECT 1 FROM "deployment" p WHERE p."organization_id" = c."organization_id" AND p."app_id" = c."app_id");
  RETURN NULL;
END $$;

CREATE FUNCTION "wake_deployments_of_tokens"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "deployment_wake" ("organization_id")
  SELECT DISTINCT c."organization_id" FROM "changed" c
  JOIN "before" b ON b."organization_id" = c."organization_id" AND b."id" = c."id"
  WHERE (b."condition", b."expires_at", b."removed_at", b."position") IS DISTINCT FROM (c."condition", c."expires_at", c."removed_at", c."position")
    AND EXISTS (SELECT 1 FROM "deployment" p WHERE p."organization_id" = c."organization_id");
  RETURN NULL;
END $$;

CREATE TRIGGER "deployments_new" AFTER INSERT ON "device" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE TRIGGER "deployments_change" AFTER UPDATE ON "device" REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments_of_devices"();
CREATE TRIGGER "deployments_new" AFTER INSERT ON "device_group_member" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE TRIGGER "deployments_loss" AFTER DELETE ON "device_group_member" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE TRIGGER "deployments_change" AFTER UPDATE ON "device_group" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE TRIGGER "deployments_new" AFTER INSERT ON "license_pool" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE TRIGGER "deployments_change" AFTER UPDATE ON "license_pool" REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments_of_pools"();
CREATE TRIGGER "deployments_new" AFTER INSERT ON "token" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments"();
CREATE TRIGGER "deployments_change" AFTER UPDATE ON "token" REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "wake_deployments_of_tokens"();

-- What a deployment shows is part of remembered answers.
CREATE TRIGGER "library_new" AFTER INSERT ON "deployment" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "deployment" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "deployment" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "deployment_refusal" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "deployment_refusal" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "deployment_refusal" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "deployment_pass" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
