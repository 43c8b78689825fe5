-- A pool belongs to one token and one app, so one key checks all three: a library of a million licenses is brought in
-- with two checks a row instead of four.
CREATE UNIQUE INDEX "license_pool_organization_id_id_token_id_app_id_key" ON "license_pool"("organization_id", "id", "token_id", "app_id");
ALTER TABLE "license" DROP CONSTRAINT "license_organization_id_app_id_fkey";
ALTER TABLE "license" DROP CONSTRAINT "license_organization_id_token_id_fkey";
ALTER TABLE "license" DROP CONSTRAINT "license_organization_id_pool_id_fkey";
ALTER TABLE "license" ADD CONSTRAINT "license_organization_id_pool_id_token_id_app_id_fkey" FOREIGN KEY ("organization_id", "pool_id", "token_id", "app_id") REFERENCES "license_pool"("organization_id", "id", "token_id", "app_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Lists show what is live: they must not walk over what ended long ago.
DROP INDEX "license_organization_id_app_id_id_idx";
CREATE INDEX "license_live_of_app" ON "license" ("organization_id", "app_id", "id") WHERE "ended_at" IS NULL;
CREATE INDEX "license_ended_of_app" ON "license" ("organization_id", "app_id", "id") WHERE "ended_at" IS NOT NULL;
DROP INDEX "license_organization_id_device_id_idx";
CREATE INDEX "license_organization_id_device_id_id_idx" ON "license" ("organization_id", "device_id", "id");
CREATE INDEX "license_live" ON "license" ("organization_id", "id") WHERE "ended_at" IS NULL;
