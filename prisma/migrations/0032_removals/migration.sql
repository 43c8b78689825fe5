-- AlterEnum
ALTER TYPE "PlanOutcome" ADD VALUE 'REMOVE_APP';

-- A license goes back when the last removal that it waits for is done.
CREATE INDEX "app_operation_before_license" ON "app_operation" ("organization_id", "license_id") WHERE "kind" = 'REMOVE' AND "license_id" IS NOT NULL;

-- Whose device it is, where nobody said so: the account that it tells of is the person's.
CREATE INDEX "enrollment_of_account" ON "enrollment" ("organization_id", "store_account_hash") WHERE "state" <> 'GONE' AND "store_account_hash" IS NOT NULL;
CREATE INDEX "vpp_user_of_account" ON "vpp_user" ("organization_id", "id_hash") WHERE "id_hash" IS NOT NULL;

-- So it is news when the account changes, or the device comes or goes.
CREATE TRIGGER "library_account" AFTER UPDATE OF "store_account_hash", "device_id", "state" ON "enrollment" FOR EACH ROW
  WHEN (OLD."store_account_hash" IS DISTINCT FROM NEW."store_account_hash" OR OLD."device_id" IS DISTINCT FROM NEW."device_id" OR OLD."state" <> NEW."state")
  EXECUTE FUNCTION "ring_library_of_row"();
