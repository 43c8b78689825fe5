-- CreateEnum
CREATE TYPE "Role" AS ENUM ('ADMINISTRATOR', 'APPSTORE_MANAGER', 'EMPLOYEE');

-- CreateEnum
CREATE TYPE "AccountType" AS ENUM ('BUSINESS', 'EDUCATION');

-- CreateEnum
CREATE TYPE "TokenSource" AS ENUM ('OWN', 'PROVIDED');

-- CreateEnum
CREATE TYPE "TokenCondition" AS ENUM ('OK', 'READ_ONLY', 'TAKEN_OVER', 'REVOKED', 'INVALID');

-- CreateEnum
CREATE TYPE "Completeness" AS ENUM ('NEVER', 'PARTIAL', 'COMPLETE');

-- CreateEnum
CREATE TYPE "AppStatus" AS ENUM ('DEVELOPMENT', 'REVIEW', 'RELEASE');

-- CreateEnum
CREATE TYPE "ProductType" AS ENUM ('APP', 'BOOK');

-- CreateEnum
CREATE TYPE "DeviceFamily" AS ENUM ('IPAD', 'IPHONE', 'IPOD', 'MAC', 'APPLE_TV', 'VISION', 'UNKNOWN');

-- CreateEnum
CREATE TYPE "DeviceOrigin" AS ENUM ('LIST', 'LICENSE');

-- CreateEnum
CREATE TYPE "LicenseState" AS ENUM ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED', 'REVOKE_REQUESTED', 'REVOKE_PENDING', 'REVOKED', 'FAILED', 'GONE_AT_APPLE', 'TOKEN_REMOVED');

-- CreateEnum
CREATE TYPE "LicenseSource" AS ENUM ('RUSSET', 'EXTERNAL');

-- CreateEnum
CREATE TYPE "AppleCallKind" AS ENUM ('ASSOCIATE', 'DISASSOCIATE');

-- CreateEnum
CREATE TYPE "AppleCallState" AS ENUM ('SENT', 'ACCEPTED', 'UNKNOWN', 'SETTLED', 'REJECTED');

-- CreateEnum
CREATE TYPE "TaskKind" AS ENUM ('SYNC', 'ASSOCIATE', 'REVOKE');

-- CreateEnum
CREATE TYPE "TaskState" AS ENUM ('QUEUED', 'RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "TaskOutcome" AS ENUM ('ALL', 'SOME', 'NONE');

-- CreateTable
CREATE TABLE "installation" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "key_fingerprint" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "organization" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "new_app_status" "AppStatus" NOT NULL DEFAULT 'RELEASE',
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "organization_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "role" "Role" NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "token" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "u_id" TEXT NOT NULL,
    "secret_jwe" TEXT,
    "key_id" TEXT,
    "file_hash" TEXT,
    "mdm_id" UUID NOT NULL,
    "label" TEXT NOT NULL,
    "source" "TokenSource" NOT NULL DEFAULT 'OWN',
    "provided_by" TEXT,
    "email" TEXT,
    "region" TEXT NOT NULL,
    "account_type" "AccountType" NOT NULL,
    "organization_name" TEXT NOT NULL,
    "location_name" TEXT,
    "website_url" TEXT,
    "position" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "condition" "TokenCondition" NOT NULL DEFAULT 'OK',
    "condition_cause" JSONB,
    "foreign_mdm" JSONB,
    "mdm_checked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "renewed_at" TIMESTAMPTZ(3),
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "token_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "token_gate" (
    "organization_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "next_slot_at" TIMESTAMPTZ(3) NOT NULL,
    "next_sync_slot_at" TIMESTAMPTZ(3) NOT NULL,
    "blocked_until" TIMESTAMPTZ(3),
    "claim" BIGINT NOT NULL DEFAULT 0,
    "suspended_until" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "token_gate_pkey" PRIMARY KEY ("organization_id","token_id")
);

-- CreateTable
CREATE TABLE "token_sync" (
    "organization_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "assets_version" TEXT,
    "assignments_version" TEXT,
    "completeness" "Completeness" NOT NULL DEFAULT 'NEVER',
    "synced_at" TIMESTAMPTZ(3),
    "sweep_task_id" BIGINT,
    "sweep_started_at" TIMESTAMPTZ(3),
    "sweep_version" TEXT,
    "sweep_moved" BOOLEAN NOT NULL DEFAULT false,
    "sweep_next_page" INTEGER NOT NULL DEFAULT 0,
    "sweep_seen" BIGINT NOT NULL DEFAULT 0,
    "rerun" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "token_sync_pkey" PRIMARY KEY ("organization_id","token_id")
);

-- CreateTable
CREATE TABLE "app" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "adam_id" TEXT NOT NULL,
    "product_type" "ProductType" NOT NULL,
    "status" "AppStatus" NOT NULL,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "name" TEXT,
    "bundle_id" TEXT,
    "icon_url" TEXT,
    "version" TEXT,
    "minimum_os_version" TEXT,
    "artist_name" TEXT,
    "price" DECIMAL(12,2),
    "price_formatted" TEXT,
    "currency" TEXT,
    "store_url" TEXT,
    "platforms" TEXT[],
    "device_families" TEXT[],
    "metadata_at" TIMESTAMPTZ(3),

    CONSTRAINT "app_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "app_metadata" (
    "organization_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "storefront" TEXT NOT NULL,
    "platform" TEXT NOT NULL,
    "name" TEXT,
    "bundle_id" TEXT,
    "icon_template" TEXT,
    "version" TEXT,
    "external_version_id" TEXT,
    "minimum_os_version" TEXT,
    "device_families" TEXT[],
    "artist_name" TEXT,
    "price" DECIMAL(12,2),
    "price_formatted" TEXT,
    "currency" TEXT,
    "store_url" TEXT,
    "custom_app" BOOLEAN NOT NULL DEFAULT false,
    "fetched_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_metadata_pkey" PRIMARY KEY ("organization_id","app_id","storefront","platform")
);

-- CreateTable
CREATE TABLE "license_pool" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "adam_id" TEXT NOT NULL,
    "pricing_param" TEXT NOT NULL,
    "total" BIGINT NOT NULL,
    "held" BIGINT NOT NULL DEFAULT 0,
    "reserved" BIGINT NOT NULL DEFAULT 0,
    "retired" BIGINT NOT NULL DEFAULT 0,
    "unlimited" BOOLEAN NOT NULL,
    "device_assignable" BOOLEAN NOT NULL,
    "revocable" BOOLEAN NOT NULL,
    "supported_platforms" TEXT[],
    "apple_assigned" BIGINT NOT NULL,
    "apple_available" BIGINT,
    "apple_as_of" TIMESTAMPTZ(3) NOT NULL,
    "gone_at" TIMESTAMPTZ(3),

    CONSTRAINT "license_pool_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "device" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "serial_number" TEXT NOT NULL,
    "serial_original" TEXT NOT NULL,
    "name" TEXT,
    "family" "DeviceFamily" NOT NULL DEFAULT 'UNKNOWN',
    "model" TEXT,
    "os_version" TEXT,
    "origin" "DeviceOrigin" NOT NULL DEFAULT 'LIST',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "removed_at" TIMESTAMPTZ(3),

    CONSTRAINT "device_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "vpp_user" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "client_user_id" TEXT NOT NULL,
    "status" TEXT,
    "id_hash" TEXT,
    "email" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "vpp_user_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "license" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "pool_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "adam_id" TEXT NOT NULL,
    "pricing_param" TEXT NOT NULL,
    "serial_number" TEXT,
    "client_user_id" TEXT,
    "device_id" BIGINT,
    "vpp_user_id" BIGINT,
    "state" "LicenseState" NOT NULL,
    "source" "LicenseSource" NOT NULL,
    "task_id" BIGINT,
    "revoke_task_id" BIGINT,
    "call_id" BIGINT,
    "sends" SMALLINT NOT NULL DEFAULT 0,
    "opening" BOOLEAN NOT NULL DEFAULT false,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,
    "missed_at" TIMESTAMPTZ(3),
    "allocation" JSONB,

    CONSTRAINT "license_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "apple_call" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "task_id" BIGINT NOT NULL,
    "kind" "AppleCallKind" NOT NULL,
    "state" "AppleCallState" NOT NULL,
    "items" INTEGER NOT NULL,
    "assets" INTEGER NOT NULL,
    "reported" INTEGER NOT NULL DEFAULT 0,
    "event_id" TEXT,
    "sent_at" TIMESTAMPTZ(3) NOT NULL,
    "next_poll_at" TIMESTAMPTZ(3),
    "deadline_at" TIMESTAMPTZ(3),
    "settled_at" TIMESTAMPTZ(3),
    "error_number" INTEGER,

    CONSTRAINT "apple_call_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "ledger" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "pool_id" BIGINT NOT NULL,
    "license_id" BIGINT NOT NULL,
    "kind" TEXT NOT NULL,
    "held_delta" SMALLINT NOT NULL,
    "reserved_delta" SMALLINT NOT NULL,
    "task_id" BIGINT,
    "apple_event_id" TEXT,
    "actor" TEXT NOT NULL,
    "reason" TEXT,

    CONSTRAINT "ledger_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "task" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "kind" "TaskKind" NOT NULL,
    "state" "TaskState" NOT NULL DEFAULT 'QUEUED',
    "phase" TEXT,
    "waits_for" TEXT,
    "waits_until" TIMESTAMPTZ(3),
    "requested" BIGINT NOT NULL DEFAULT 0,
    "completed" BIGINT NOT NULL DEFAULT 0,
    "failed" BIGINT NOT NULL DEFAULT 0,
    "reported" BIGINT NOT NULL DEFAULT 0,
    "outcome" "TaskOutcome",
    "cause" JSONB,
    "actor" TEXT NOT NULL,
    "retry_of" BIGINT,
    "request" JSONB,
    "position" INTEGER NOT NULL DEFAULT 0,
    "reserved_all" BOOLEAN NOT NULL DEFAULT true,
    "cancel_requested_at" TIMESTAMPTZ(3),
    "claim" BIGINT NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "seq" BIGINT NOT NULL DEFAULT 0,
    "dirty" BOOLEAN NOT NULL DEFAULT false,
    "last_event_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "task_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "task_token" (
    "organization_id" BIGINT NOT NULL,
    "task_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,

    CONSTRAINT "task_token_pkey" PRIMARY KEY ("organization_id","task_id","token_id")
);

-- CreateTable
CREATE TABLE "task_event" (
    "organization_id" BIGINT NOT NULL,
    "task_id" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL,
    "org_seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "payload" JSONB NOT NULL,

    CONSTRAINT "task_event_pkey" PRIMARY KEY ("organization_id","task_id","seq")
);

-- CreateTable
CREATE TABLE "task_failure" (
    "organization_id" BIGINT NOT NULL,
    "task_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "code" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "app_id" BIGINT,
    "device_id" BIGINT,
    "serial_number" TEXT,
    "license_id" BIGINT,
    "apple_error_number" INTEGER,
    "data" JSONB,

    CONSTRAINT "task_failure_pkey" PRIMARY KEY ("organization_id","task_id","id")
);

-- CreateTable
CREATE TABLE "organization_counter" (
    "organization_id" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "organization_counter_pkey" PRIMARY KEY ("organization_id")
);

-- CreateTable
CREATE TABLE "idempotency_key" (
    "organization_id" BIGINT NOT NULL,
    "api_key_id" BIGINT NOT NULL,
    "operation" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "input_hash" TEXT NOT NULL,
    "task_ids" BIGINT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("organization_id","api_key_id","operation","key")
);

-- CreateTable
CREATE TABLE "audit_entry" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "subject" TEXT,
    "task_id" BIGINT,
    "correlation_id" TEXT,
    "data" JSONB,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "worker_process" (
    "pool_id" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "host" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "beat_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "worker_process_pkey" PRIMARY KEY ("pool_id")
);

-- CreateIndex
CREATE INDEX "apple_call_organization_id_task_id_idx" ON "apple_call"("organization_id", "task_id");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_hash_key" ON "api_key"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "token_mdm_id_key" ON "token"("mdm_id");

-- CreateIndex
CREATE UNIQUE INDEX "token_organization_id_u_id_key" ON "token"("organization_id", "u_id");

-- CreateIndex
CREATE UNIQUE INDEX "app_organization_id_adam_id_key" ON "app"("organization_id", "adam_id");

-- CreateIndex
CREATE INDEX "license_pool_organization_id_app_id_idx" ON "license_pool"("organization_id", "app_id");

-- CreateIndex
CREATE UNIQUE INDEX "license_pool_organization_id_token_id_adam_id_pricing_param_key" ON "license_pool"("organization_id", "token_id", "adam_id", "pricing_param");

-- CreateIndex
CREATE UNIQUE INDEX "device_organization_id_serial_number_key" ON "device"("organization_id", "serial_number");

-- CreateIndex
CREATE UNIQUE INDEX "vpp_user_organization_id_token_id_client_user_id_key" ON "vpp_user"("organization_id", "token_id", "client_user_id");

-- CreateIndex
CREATE INDEX "license_organization_id_app_id_id_idx" ON "license"("organization_id", "app_id", "id");

-- CreateIndex
CREATE INDEX "license_organization_id_device_id_idx" ON "license"("organization_id", "device_id");

-- CreateIndex
CREATE INDEX "ledger_organization_id_license_id_idx" ON "ledger"("organization_id", "license_id");

-- CreateIndex
CREATE INDEX "ledger_organization_id_pool_id_at_idx" ON "ledger"("organization_id", "pool_id", "at");

-- CreateIndex
CREATE INDEX "task_organization_id_state_id_idx" ON "task"("organization_id", "state", "id");

-- CreateIndex
CREATE INDEX "task_token_organization_id_token_id_task_id_idx" ON "task_token"("organization_id", "token_id", "task_id");

-- CreateIndex
CREATE INDEX "task_event_organization_id_org_seq_idx" ON "task_event"("organization_id", "org_seq");

-- CreateIndex
CREATE INDEX "task_event_at_idx" ON "task_event"("at");

-- CreateIndex
CREATE INDEX "idempotency_key_created_at_idx" ON "idempotency_key"("created_at");

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token" ADD CONSTRAINT "token_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_gate" ADD CONSTRAINT "token_gate_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_sync" ADD CONSTRAINT "token_sync_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app" ADD CONSTRAINT "app_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app_metadata" ADD CONSTRAINT "app_metadata_organization_id_app_id_fkey" FOREIGN KEY ("organization_id", "app_id") REFERENCES "app"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license_pool" ADD CONSTRAINT "license_pool_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license_pool" ADD CONSTRAINT "license_pool_organization_id_app_id_fkey" FOREIGN KEY ("organization_id", "app_id") REFERENCES "app"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "device" ADD CONSTRAINT "device_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license" ADD CONSTRAINT "license_organization_id_pool_id_fkey" FOREIGN KEY ("organization_id", "pool_id") REFERENCES "license_pool"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license" ADD CONSTRAINT "license_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license" ADD CONSTRAINT "license_organization_id_app_id_fkey" FOREIGN KEY ("organization_id", "app_id") REFERENCES "app"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license" ADD CONSTRAINT "license_organization_id_device_id_fkey" FOREIGN KEY ("organization_id", "device_id") REFERENCES "device"("organization_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "license" ADD CONSTRAINT "license_organization_id_vpp_user_id_fkey" FOREIGN KEY ("organization_id", "vpp_user_id") REFERENCES "vpp_user"("organization_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task" ADD CONSTRAINT "task_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_token" ADD CONSTRAINT "task_token_organization_id_task_id_fkey" FOREIGN KEY ("organization_id", "task_id") REFERENCES "task"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_token" ADD CONSTRAINT "task_token_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_failure" ADD CONSTRAINT "task_failure_organization_id_task_id_fkey" FOREIGN KEY ("organization_id", "task_id") REFERENCES "task"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what Prisma has no words for.

-- Pools: seats are never negative, and what Russet reserves is never more than what is free.
ALTER TABLE "license_pool"
  ADD CONSTRAINT "license_pool_not_negative" CHECK ("held" >= 0 AND "reserved" >= 0 AND "total" >= 0 AND "retired" >= 0);

CREATE FUNCTION "guard_reserved"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.reserved > OLD.reserved AND NOT NEW.unlimited AND NEW.total - NEW.held - NEW.reserved < 0 THEN
    RAISE EXCEPTION 'pool % has % free seats and % more were reserved', NEW.id, OLD.total - OLD.held - OLD.reserved, NEW.reserved - OLD.reserved
      USING ERRCODE = 'check_violation', CONSTRAINT = 'license_pool_reserved';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "guard_reserved" BEFORE UPDATE OF "reserved" ON "license_pool" FOR EACH ROW EXECUTE FUNCTION "guard_reserved"();

-- Licenses: exactly one holder; unique while they live.
ALTER TABLE "license"
  ADD CONSTRAINT "license_one_holder" CHECK (("serial_number" IS NULL) <> ("client_user_id" IS NULL)),
  ADD CONSTRAINT "license_ended" CHECK (("ended_at" IS NOT NULL) = ("state" IN ('REVOKED', 'FAILED', 'GONE_AT_APPLE', 'TOKEN_REMOVED')));
CREATE UNIQUE INDEX "license_live_serial" ON "license" ("organization_id", "pool_id", "serial_number")
  WHERE "ended_at" IS NULL AND "serial_number" IS NOT NULL;
CREATE UNIQUE INDEX "license_live_user" ON "license" ("organization_id", "pool_id", "client_user_id")
  WHERE "ended_at" IS NULL AND "client_user_id" IS NOT NULL;
CREATE UNIQUE INDEX "license_one_of_ours" ON "license" ("organization_id", "adam_id", "pricing_param", "serial_number")
  WHERE "ended_at" IS NULL AND "serial_number" IS NOT NULL AND "source" = 'RUSSET';
-- What is under way is few; the writers and the ends of tasks look here.
CREATE INDEX "license_to_write" ON "license" ("organization_id", "token_id", "state", "task_id")
  WHERE "state" IN ('REQUESTED', 'REVOKE_REQUESTED') AND "call_id" IS NULL;
CREATE INDEX "license_of_task" ON "license" ("organization_id", "task_id") WHERE "state" IN ('REQUESTED', 'PENDING_AT_APPLE');
CREATE INDEX "license_of_revoke" ON "license" ("organization_id", "revoke_task_id")
  WHERE "state" IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING');
CREATE INDEX "license_of_call" ON "license" ("organization_id", "call_id")
  WHERE "state" IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING') AND "call_id" IS NOT NULL;
-- A sync must not take up again what ended while it was reading.
CREATE INDEX "license_ended_lately" ON "license" ("organization_id", "token_id", "ended_at") WHERE "ended_at" IS NOT NULL;

-- Calls that are not settled.
CREATE INDEX "apple_call_open" ON "apple_call" ("organization_id", "token_id", "next_poll_at") WHERE "state" IN ('SENT', 'ACCEPTED', 'UNKNOWN');

-- Tasks: one unfinished sync per token is found here; due work by its moment; the list newest first.
CREATE INDEX "task_due" ON "task" ("due_at") WHERE "due_at" IS NOT NULL;
CREATE INDEX "device_listed" ON "device" ("organization_id", "id") WHERE "removed_at" IS NULL AND "origin" <> 'LICENSE';

-- The ledger and the audit log only grow.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "ledger_append_only" BEFORE UPDATE OR DELETE ON "ledger" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "ledger_keep" BEFORE TRUNCATE ON "ledger" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_append_only" BEFORE UPDATE OR DELETE ON "audit_entry" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_keep" BEFORE TRUNCATE ON "audit_entry" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- What a sweep has seen so far. Unlogged: after a crash of PostgreSQL it is empty, which the sweep notices by its count.
CREATE UNLOGGED TABLE "sync_seen" (
  "organization_id" BIGINT NOT NULL,
  "token_id" BIGINT NOT NULL,
  "task_id" BIGINT NOT NULL,
  "license_id" BIGINT NOT NULL
);
CREATE INDEX "sync_seen_sweep" ON "sync_seen" ("organization_id", "token_id", "license_id");
