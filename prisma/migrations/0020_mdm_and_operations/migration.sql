-- CreateEnum
CREATE TYPE "MdmKind" AS ENUM ('NANOMDM', 'GRAPHQL');

-- CreateEnum
CREATE TYPE "EnrollmentType" AS ENUM ('DEVICE', 'USER');

-- CreateEnum
CREATE TYPE "EnrollmentState" AS ENUM ('ENROLLING', 'ENROLLED', 'GONE');

-- CreateEnum
CREATE TYPE "DeviceCommandKind" AS ENUM ('INSTALL_APP', 'REMOVE_APP', 'LIST_INSTALLED_APPS', 'LIST_MANAGED_APPS', 'DEVICE_INFORMATION', 'INVITE_TO_PROGRAM');

-- CreateEnum
CREATE TYPE "DeviceCommandState" AS ENUM ('PLANNED', 'SENT', 'QUEUED', 'ACKNOWLEDGED', 'FAILED', 'MALFORMED', 'REFUSED', 'LOST', 'TIMED_OUT', 'CANCELLED');

-- CreateEnum
CREATE TYPE "AppOperationKind" AS ENUM ('INSTALL', 'UPDATE', 'REMOVE');

-- CreateEnum
CREATE TYPE "AppOperationState" AS ENUM ('WAITING_FOR_LICENSE', 'READY', 'SENT', 'INSTALLING', 'PROMPTING', 'PROPAGATING', 'DONE', 'UNCHANGED', 'FAILED', 'TIMED_OUT', 'CANCELLED');

-- AlterEnum
-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


ALTER TYPE "TaskKind" ADD VALUE 'INSTALL';
ALTER TYPE "TaskKind" ADD VALUE 'UPDATE';
ALTER TYPE "TaskKind" ADD VALUE 'REMOVE_APPS';

-- CreateTable
CREATE TABLE "mdm_connection" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "kind" "MdmKind" NOT NULL,
    "name" TEXT NOT NULL,
    "base_url" TEXT,
    "path_prefix" TEXT,
    "user_name" TEXT,
    "api_key_jwe" TEXT,
    "hmac_key_jwe" TEXT,
    "key_id" TEXT,
    "webhook_id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "push" BOOLEAN NOT NULL DEFAULT true,
    "claim" BIGINT NOT NULL DEFAULT 0,
    "blocked_until" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "problem" JSONB,
    "answered_at" TIMESTAMPTZ(3),
    "heard_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "mdm_connection_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "enrollment" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "connection_id" BIGINT NOT NULL,
    "enrollment_id" TEXT NOT NULL,
    "type" "EnrollmentType" NOT NULL DEFAULT 'DEVICE',
    "state" "EnrollmentState" NOT NULL,
    "device_id" BIGINT,
    "generation" INTEGER NOT NULL DEFAULT 1,
    "enrolled_at" TIMESTAMPTZ(3),
    "gone_at" TIMESTAMPTZ(3),
    "last_seen_at" TIMESTAMPTZ(3),
    "awaiting_configuration" BOOLEAN,
    "time_zone" TEXT,
    "store_account_hash" TEXT,
    "store_account_active" BOOLEAN,
    "informed_at" TIMESTAMPTZ(3),
    "information_due_at" TIMESTAMPTZ(3),
    "listed_at" TIMESTAMPTZ(3),
    "list_due_at" TIMESTAMPTZ(3),

    CONSTRAINT "enrollment_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "device_news" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "connection_id" BIGINT NOT NULL,
    "enrollment_id" TEXT NOT NULL,
    "news" JSONB NOT NULL,
    "hash" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "applied_at" TIMESTAMPTZ(3),
    "outcome" TEXT,

    CONSTRAINT "device_news_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "device_command" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "connection_id" BIGINT NOT NULL,
    "enrollment_id" BIGINT NOT NULL,
    "generation" INTEGER NOT NULL,
    "device_id" BIGINT,
    "kind" "DeviceCommandKind" NOT NULL,
    "request" JSONB NOT NULL,
    "state" "DeviceCommandState" NOT NULL DEFAULT 'PLANNED',
    "operation_id" BIGINT,
    "app_id" BIGINT,
    "uuid" UUID,
    "sends" SMALLINT NOT NULL DEFAULT 0,
    "leased_until" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),
    "deadline_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "sent_at" TIMESTAMPTZ(3),
    "not_now_at" TIMESTAMPTZ(3),
    "not_nows" SMALLINT NOT NULL DEFAULT 0,
    "ended_at" TIMESTAMPTZ(3),
    "answer" JSONB,

    CONSTRAINT "device_command_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "app_operation" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "kind" "AppOperationKind" NOT NULL,
    "state" "AppOperationState" NOT NULL,
    "task_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "license_id" BIGINT,
    "release_license" BOOLEAN NOT NULL DEFAULT false,
    "command_id" BIGINT,
    "attempts" SMALLINT NOT NULL DEFAULT 0,
    "target_version" TEXT,
    "version_before" TEXT,
    "due_at" TIMESTAMPTZ(3),
    "deadline_at" TIMESTAMPTZ(3),
    "cause" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "app_operation_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "installed_app" (
    "organization_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,
    "bundle_id" TEXT NOT NULL,
    "app_id" BIGINT,
    "name" TEXT,
    "version" TEXT,
    "short_version" TEXT,
    "external_version_id" TEXT,
    "has_update" BOOLEAN,
    "device_license" BOOLEAN,
    "installing" BOOLEAN NOT NULL DEFAULT false,
    "managed_status" TEXT,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "installed_app_pkey" PRIMARY KEY ("organization_id","device_id","bundle_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "mdm_connection_webhook_id_key" ON "mdm_connection"("webhook_id");

-- CreateIndex
CREATE INDEX "enrollment_organization_id_device_id_idx" ON "enrollment"("organization_id", "device_id");

-- CreateIndex
CREATE UNIQUE INDEX "enrollment_organization_id_connection_id_enrollment_id_key" ON "enrollment"("organization_id", "connection_id", "enrollment_id");

-- CreateIndex
CREATE INDEX "device_news_received_at_idx" ON "device_news"("received_at");

-- CreateIndex
CREATE INDEX "app_operation_organization_id_task_id_id_idx" ON "app_operation"("organization_id", "task_id", "id");

-- AddForeignKey
ALTER TABLE "mdm_connection" ADD CONSTRAINT "mdm_connection_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "enrollment" ADD CONSTRAINT "enrollment_organization_id_connection_id_fkey" FOREIGN KEY ("organization_id", "connection_id") REFERENCES "mdm_connection"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "enrollment" ADD CONSTRAINT "enrollment_organization_id_device_id_fkey" FOREIGN KEY ("organization_id", "device_id") REFERENCES "device"("organization_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- An organization has one way to its devices.
CREATE UNIQUE INDEX "mdm_connection_present" ON "mdm_connection" ("organization_id") WHERE "removed_at" IS NULL;
ALTER TABLE "mdm_connection" ADD CONSTRAINT "mdm_connection_whole"
  CHECK ("kind" <> 'NANOMDM' OR ("base_url" IS NOT NULL AND "path_prefix" IS NOT NULL AND "user_name" IS NOT NULL
    AND ("api_key_jwe" IS NOT NULL OR "removed_at" IS NOT NULL)));

-- A device is managed through one enrollment at a time.
CREATE UNIQUE INDEX "enrollment_present" ON "enrollment" ("organization_id", "device_id") WHERE "state" <> 'GONE';
CREATE INDEX "enrollment_due" ON "enrollment" (least("information_due_at", "list_due_at")) WHERE "state" = 'ENROLLED';

-- The same message told twice is kept once; what waits is found by when it is due.
CREATE UNIQUE INDEX "device_news_organization_id_connection_id_hash_key" ON "device_news" ("organization_id", "connection_id", "hash");
CREATE INDEX "device_news_due" ON "device_news" ("organization_id", "connection_id", "due_at", "id") WHERE "applied_at" IS NULL;

-- Answers name the CommandUUID and the enrollment.
CREATE UNIQUE INDEX "device_command_uuid" ON "device_command" ("organization_id", "uuid", "enrollment_id") WHERE "uuid" IS NOT NULL;
CREATE INDEX "device_command_open" ON "device_command" ("organization_id", "enrollment_id", "kind") WHERE "ended_at" IS NULL;
CREATE INDEX "device_command_due" ON "device_command" ("organization_id", "connection_id", "due_at", "id") WHERE "ended_at" IS NULL AND "due_at" IS NOT NULL;
CREATE INDEX "device_command_deadline" ON "device_command" ("deadline_at") WHERE "ended_at" IS NULL;
CREATE INDEX "device_command_of_operation" ON "device_command" ("organization_id", "operation_id", "id") WHERE "operation_id" IS NOT NULL;
CREATE INDEX "device_command_organization_id_device_id_id_idx" ON "device_command" ("organization_id", "device_id", "id");
-- One open app command for each device and app, whatever waits included.
CREATE UNIQUE INDEX "device_command_one_per_app" ON "device_command" ("organization_id", "enrollment_id", "app_id")
  WHERE "ended_at" IS NULL AND "kind" IN ('INSTALL_APP', 'REMOVE_APP');

-- One operation for each device and app that has not ended.
CREATE UNIQUE INDEX "app_operation_one" ON "app_operation" ("organization_id", "device_id", "app_id") WHERE "ended_at" IS NULL;
CREATE INDEX "app_operation_due" ON "app_operation" ("organization_id", "due_at", "id") WHERE "ended_at" IS NULL AND "due_at" IS NOT NULL;
CREATE INDEX "app_operation_license" ON "app_operation" ("organization_id", "license_id") WHERE "ended_at" IS NULL AND "license_id" IS NOT NULL;
CREATE INDEX "app_operation_organization_id_device_id_app_id_id_idx" ON "app_operation" ("organization_id", "device_id", "app_id", "id");
ALTER TABLE "app_operation" ADD CONSTRAINT "app_operation_ended"
  CHECK (("ended_at" IS NOT NULL) = ("state" IN ('DONE', 'UNCHANGED', 'FAILED', 'TIMED_OUT', 'CANCELLED')));

CREATE INDEX "installed_app_of_app" ON "installed_app" ("organization_id", "app_id", "device_id") WHERE "app_id" IS NOT NULL;
