-- CreateEnum
CREATE TYPE "ReclaimReason" AS ENUM ('UNENROLLED', 'NOT_SEEN', 'APP_REMOVED', 'OUT_OF_SCOPE', 'INSTALL_FAILED');

-- CreateTable
CREATE TABLE "reclaim_rule" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "reason" "ReclaimReason" NOT NULL,
    "days" INTEGER NOT NULL,
    "grace_days" INTEGER NOT NULL,
    "app_ids" BIGINT[],
    "except_app_ids" BIGINT[],
    "group_id" BIGINT,
    "except_group_id" BIGINT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "due_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reclaim_rule_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "reclaim_mark" (
    "organization_id" BIGINT NOT NULL,
    "rule_id" BIGINT NOT NULL,
    "license_id" BIGINT NOT NULL,
    "marked_at" TIMESTAMPTZ(3) NOT NULL,
    "takes_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reclaim_mark_pkey" PRIMARY KEY ("organization_id","rule_id","license_id")
);

-- CreateTable
CREATE TABLE "reclaim_run" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "rule_id" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "found" INTEGER NOT NULL,
    "marked" INTEGER NOT NULL,
    "taken" INTEGER NOT NULL,
    "task_ids" BIGINT[],
    "value" JSONB NOT NULL,
    "unpriced" INTEGER NOT NULL,
    "undone_at" TIMESTAMPTZ(3),
    "undo_task_ids" BIGINT[],

    CONSTRAINT "reclaim_run_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateIndex
CREATE INDEX "reclaim_mark_organization_id_license_id_idx" ON "reclaim_mark"("organization_id", "license_id");

-- CreateIndex
CREATE INDEX "reclaim_run_organization_id_rule_id_id_idx" ON "reclaim_run"("organization_id", "rule_id", "id");

-- From here on by hand: what Prisma has no words for.
CREATE INDEX "reclaim_rule_due" ON "reclaim_rule" ("due_at") WHERE "due_at" IS NOT NULL;

-- Rules, marks and runs are part of remembered answers.
CREATE TRIGGER "library_new" AFTER INSERT ON "reclaim_rule" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "reclaim_rule" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "reclaim_rule" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "reclaim_run" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "reclaim_run" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
