-- Set while the MDM server may have forgotten the command; given up as LOST then, unless it is heard of before.
-- AlterTable
ALTER TABLE "device_command" ADD COLUMN "forgotten_at" TIMESTAMPTZ(3);

CREATE INDEX "device_command_forgotten" ON "device_command" ("organization_id", "connection_id", "forgotten_at") WHERE "ended_at" IS NULL AND "forgotten_at" IS NOT NULL;
