-- AlterTable
ALTER TABLE "app_operation" ADD COLUMN     "settled" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "take_over" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "device" ADD COLUMN     "vpp_user_id" BIGINT;

-- CreateIndex
CREATE INDEX "device_organization_id_vpp_user_id_idx" ON "device"("organization_id", "vpp_user_id");

-- AddForeignKey
ALTER TABLE "device" ADD CONSTRAINT "device_organization_id_vpp_user_id_fkey" FOREIGN KEY ("organization_id", "vpp_user_id") REFERENCES "vpp_user"("organization_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- What has ended and is not settled is little and found at once.
CREATE INDEX "app_operation_unsettled" ON "app_operation" ("organization_id", "id") WHERE "ended_at" IS NOT NULL AND NOT "settled";
-- Whatever has a moment: silence ends nothing later than an answer.
CREATE INDEX "app_operation_moment" ON "app_operation" ((least("due_at", "deadline_at"))) WHERE "ended_at" IS NULL;
CREATE INDEX "app_operation_of_device" ON "app_operation" ("organization_id", "device_id") WHERE "ended_at" IS NULL;
