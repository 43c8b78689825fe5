-- AlterTable
ALTER TABLE "enrollment" ADD COLUMN     "managed_listed_at" TIMESTAMPTZ(3),
ADD COLUMN     "some_listed_at" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "told_at" JSONB NOT NULL DEFAULT '{}';
