-- CreateEnum
CREATE TYPE "DeviceGroupKind" AS ENUM ('STATIC', 'RULE');

-- AlterTable
ALTER TABLE "device" ADD COLUMN "supervised" BOOLEAN;

-- CreateTable
CREATE TABLE "device_group" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "kind" "DeviceGroupKind" NOT NULL,
    "rule" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "device_group_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "device_group_member" (
    "organization_id" BIGINT NOT NULL,
    "group_id" BIGINT NOT NULL,
    "device_id" BIGINT NOT NULL,

    CONSTRAINT "device_group_member_pkey" PRIMARY KEY ("organization_id","group_id","device_id")
);

-- CreateTable
CREATE TABLE "token_reserve" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "app_id" BIGINT,
    "seats" BIGINT NOT NULL,

    CONSTRAINT "token_reserve_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateTable
CREATE TABLE "group_quota" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "group_id" BIGINT NOT NULL,
    "app_id" BIGINT,
    "seats" BIGINT NOT NULL,

    CONSTRAINT "group_quota_pkey" PRIMARY KEY ("organization_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "device_group_organization_id_name_key" ON "device_group"("organization_id", "name");

-- CreateIndex
CREATE INDEX "device_group_member_organization_id_device_id_idx" ON "device_group_member"("organization_id", "device_id");

-- AddForeignKey
ALTER TABLE "device_group" ADD CONSTRAINT "device_group_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organization"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "device_group_member" ADD CONSTRAINT "device_group_member_organization_id_group_id_fkey" FOREIGN KEY ("organization_id", "group_id") REFERENCES "device_group"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "device_group_member" ADD CONSTRAINT "device_group_member_organization_id_device_id_fkey" FOREIGN KEY ("organization_id", "device_id") REFERENCES "device"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "token_reserve" ADD CONSTRAINT "token_reserve_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_quota" ADD CONSTRAINT "group_quota_organization_id_group_id_fkey" FOREIGN KEY ("organization_id", "group_id") REFERENCES "device_group"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- From here on by hand: what Prisma has no words for.

-- One number for each app, and one for all apps that have none of their own.
CREATE UNIQUE INDEX "token_reserve_of_app" ON "token_reserve" ("organization_id", "token_id", "app_id") WHERE "app_id" IS NOT NULL;
CREATE UNIQUE INDEX "token_reserve_of_all" ON "token_reserve" ("organization_id", "token_id") WHERE "app_id" IS NULL;
CREATE UNIQUE INDEX "group_quota_of_app" ON "group_quota" ("organization_id", "group_id", "app_id") WHERE "app_id" IS NOT NULL;
CREATE UNIQUE INDEX "group_quota_of_all" ON "group_quota" ("organization_id", "group_id") WHERE "app_id" IS NULL;
ALTER TABLE "token_reserve" ADD CONSTRAINT "token_reserve_not_negative" CHECK ("seats" >= 0);
ALTER TABLE "group_quota" ADD CONSTRAINT "group_quota_not_negative" CHECK ("seats" >= 0);
ALTER TABLE "device_group" ADD CONSTRAINT "device_group_rule" CHECK (("kind" = 'RULE') = ("rule" IS NOT NULL));

-- A version as numbers that compare as versions do: 9.0 = 9 < 9.1 < 10. Null for what is no version.
CREATE FUNCTION "version_numbers"(version text) RETURNS numeric[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_to_array(regexp_replace(substring(version from '^\s*(\d+(?:\.\d+)*)'), '(\.0+)+$', ''), '.')::numeric[]
$$;
