-- Counts say what moved them last, what the last reconciliation corrected, and when a difference to Apple is looked into.
CREATE TYPE "CountSource" AS ENUM ('SYNC', 'NOTIFICATION', 'SETTLEMENT');
CREATE TYPE "SyncMode" AS ENUM ('FULL', 'CHANGES');

ALTER TABLE "license_pool"
  ADD COLUMN "counted_at" TIMESTAMPTZ(3),
  ADD COLUMN "count_source" "CountSource" NOT NULL DEFAULT 'SYNC',
  ADD COLUMN "reconciled_at" TIMESTAMPTZ(3),
  ADD COLUMN "last_drift" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "corrected" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "drift_due_at" TIMESTAMPTZ(3),
  ADD COLUMN "drift_step" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE "task" ADD COLUMN "sync_mode" "SyncMode";

ALTER TABLE "token_sync"
  ADD COLUMN "full_synced_at" TIMESTAMPTZ(3),
  ADD COLUMN "full_due_at" TIMESTAMPTZ(3),
  ADD COLUMN "assets_moved_at" TIMESTAMPTZ(3),
  ADD COLUMN "rerun_full" BOOLEAN NOT NULL DEFAULT false;

-- Libraries that are here already are read whole over the next day, not all at once.
UPDATE "token_sync" SET "full_due_at" = now() + random() * interval '24 hours' WHERE "synced_at" IS NOT NULL;

-- From here on by hand: what Prisma has no words for.
CREATE INDEX "license_pool_drift" ON "license_pool" ("drift_due_at") WHERE "drift_due_at" IS NOT NULL;
CREATE INDEX "token_sync_full_due" ON "token_sync" ("full_due_at") WHERE "full_due_at" IS NOT NULL;
-- Who held what at a moment: what has ended since then, beside what is live.
CREATE INDEX "license_ended_since" ON "license" ("organization_id", "ended_at") WHERE "ended_at" IS NOT NULL;
