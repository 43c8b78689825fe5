-- AlterEnum
ALTER TYPE "PlanKind" ADD VALUE 'APP_REMOVAL';

-- AlterEnum
ALTER TYPE "PlanOutcome" ADD VALUE 'INSTALL_APP';

-- An association that installs has a second task.
-- AlterTable
ALTER TABLE "plan" ADD COLUMN "installs_task_id" BIGINT;
