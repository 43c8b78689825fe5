-- CreateEnum
CREATE TYPE "PlanKind" AS ENUM ('ASSOCIATION', 'REVOCATION', 'TOKEN_REMOVAL', 'USER_RETIREMENT');

-- CreateEnum
CREATE TYPE "PlanOutcome" AS ENUM ('GIVE', 'TAKE_BACK', 'LEAVE', 'RETIRE', 'WAIT', 'REFUSED');

-- CreateTable
CREATE TABLE "plan" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "kind" "PlanKind" NOT NULL,
    "request" JSONB NOT NULL,
    "facts" JSONB NOT NULL,
    "refusal" JSONB,
    "actor" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "applied_at" TIMESTAMPTZ(3),
    "task_id" BIGINT,

    CONSTRAINT "plan_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "plan_item" (
    "organization_id" BIGINT NOT NULL,
    "plan_id" BIGINT NOT NULL,
    "id" INTEGER NOT NULL,
    "outcome" "PlanOutcome" NOT NULL,
    "licenses" BIGINT NOT NULL DEFAULT 1,
    "app_id" BIGINT,
    "token_id" BIGINT,
    "device_id" BIGINT,
    "serial_number" TEXT,
    "vpp_user_id" BIGINT,
    "client_user_id" TEXT,
    "license_id" BIGINT,
    "code" TEXT,
    "message" TEXT,
    "data" JSONB,

    CONSTRAINT "plan_item_pkey" PRIMARY KEY ("organization_id","plan_id","id")
);

-- CreateIndex
CREATE INDEX "plan_expires_at_idx" ON "plan"("expires_at");

-- AddForeignKey
ALTER TABLE "plan_item" ADD CONSTRAINT "plan_item_organization_id_plan_id_fkey" FOREIGN KEY ("organization_id", "plan_id") REFERENCES "plan"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;
