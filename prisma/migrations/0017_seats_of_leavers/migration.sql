-- Seats of people who are retired: in plans, and behind requests that Apple still works on. Quick.
ALTER TABLE "plan_item" ADD COLUMN "seat_id" BIGINT, ADD COLUMN "seat_subscription_id" BIGINT;

-- By hand: what Prisma has no words for.
CREATE INDEX "seat_assignment_behind" ON "seat_assignment" ("organization_id", "removal_task_id")
  WHERE "state" IN ('REQUESTED', 'PENDING_AT_APPLE') AND "removal_task_id" IS NOT NULL;
