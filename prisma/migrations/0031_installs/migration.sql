-- AlterTable
ALTER TABLE "app_operation" ADD COLUMN     "licenses_of" BIGINT;

-- Installs whose license is asked for by a task and not there yet: a seat that is reserved finds its own.
CREATE INDEX "app_operation_unlicensed" ON "app_operation" ("organization_id", "licenses_of", "app_id", "device_id") WHERE "ended_at" IS NULL AND "license_id" IS NULL AND "licenses_of" IS NOT NULL;
-- An association knows the installs that follow it.
CREATE INDEX "task_licenses_of" ON "task" ("organization_id", (("request" ->> 'licensesOf')::bigint)) WHERE "kind" = 'INSTALL' AND "finished_at" IS NULL;
