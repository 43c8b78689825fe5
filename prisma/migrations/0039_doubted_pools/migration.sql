-- AlterTable
ALTER TABLE "license_pool" ADD COLUMN     "doubted" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "token_sync" ADD COLUMN     "doubted_until" TIMESTAMPTZ(3);
