-- CreateTable
CREATE TABLE "license_wait" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "task_id" BIGINT NOT NULL,
    "app_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,
    "token_id" BIGINT,
    "priority" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "license_wait_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "license_wake" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "app_id" BIGINT NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "license_wake_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateIndex
CREATE INDEX "license_wait_organization_id_app_id_priority_id_idx" ON "license_wait"("organization_id", "app_id", "priority" DESC, "id");

-- CreateIndex
CREATE INDEX "license_wait_organization_id_task_id_id_idx" ON "license_wait"("organization_id", "task_id", "id");

-- CreateIndex
CREATE INDEX "license_wait_organization_id_device_id_idx" ON "license_wait"("organization_id", "device_id");

-- CreateIndex
CREATE UNIQUE INDEX "license_wait_organization_id_app_id_device_id_key" ON "license_wait"("organization_id", "app_id", "device_id");

-- CreateIndex
CREATE INDEX "license_wake_organization_id_app_id_due_at_idx" ON "license_wake"("organization_id", "app_id", "due_at");

-- CreateIndex
CREATE INDEX "license_wake_due_at_idx" ON "license_wake"("due_at");

-- AddForeignKey
ALTER TABLE "license_wait" ADD CONSTRAINT "license_wait_organization_id_task_id_fkey" FOREIGN KEY ("organization_id", "task_id") REFERENCES "task"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what Prisma has no words for.

-- How many wait, and how many groups there are, is part of remembered answers.
CREATE TRIGGER "library_new" AFTER INSERT ON "license_wait" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "license_wait" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "license_wait" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "device_group" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "device_group" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "device_group" REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
