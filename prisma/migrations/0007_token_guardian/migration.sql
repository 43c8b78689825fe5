-- The guardian of tokens: when each is asked about, what people were told of it, and how it goes away.
CREATE TYPE "TokenNoticeKind" AS ENUM ('EXPIRING', 'EXPIRED', 'REVOKED', 'INVALID', 'READ_ONLY', 'TAKEN_OVER', 'OK');
ALTER TYPE "TaskKind" ADD VALUE 'REMOVE_TOKEN';

ALTER TABLE "token" ADD COLUMN     "cycle" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "forget_at" TIMESTAMPTZ(3),
ADD COLUMN     "notice_at" TIMESTAMPTZ(3),
ADD COLUMN     "probe_at" TIMESTAMPTZ(3),
ADD COLUMN     "probe_attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "probed_at" TIMESTAMPTZ(3),
ADD COLUMN     "removal_task_id" BIGINT,
ADD COLUMN     "told_condition" "TokenNoticeKind" NOT NULL DEFAULT 'OK',
ADD COLUMN     "told_cycle" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "told_rung" INTEGER;

ALTER TABLE "installation" ADD COLUMN     "marker" TEXT;

CREATE TABLE "token_notice" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "cycle" INTEGER NOT NULL,
    "kind" "TokenNoticeKind" NOT NULL,
    "rung" INTEGER,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "foreign_mdm" JSONB,
    "apple_error_number" INTEGER,

    CONSTRAINT "token_notice_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE UNIQUE INDEX "token_notice_organization_id_seq_key" ON "token_notice"("organization_id", "seq");
CREATE UNIQUE INDEX "token_notice_organization_id_token_id_cycle_rung_key" ON "token_notice"("organization_id", "token_id", "cycle", "rung");
CREATE INDEX "token_notice_organization_id_token_id_seq_idx" ON "token_notice"("organization_id", "token_id", "seq");
ALTER TABLE "token_notice" ADD CONSTRAINT "token_notice_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Whoever changes what a notice could be about makes one due, without having to think of it.
CREATE FUNCTION "token_notice_due"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.removed_at IS NOT NULL THEN
    NEW.notice_at := NULL;
    NEW.probe_at := NULL;
  ELSE
    NEW.notice_at := 'epoch';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "token_notice_due" BEFORE UPDATE ON "token" FOR EACH ROW
  WHEN (OLD.condition IS DISTINCT FROM NEW.condition OR OLD.expires_at IS DISTINCT FROM NEW.expires_at
    OR OLD.cycle IS DISTINCT FROM NEW.cycle OR OLD.removed_at IS DISTINCT FROM NEW.removed_at)
  EXECUTE FUNCTION "token_notice_due"();

-- What a token is good for shows in the library.
CREATE TRIGGER "library_removal" AFTER UPDATE OF "removal_task_id" ON "token" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
CREATE FUNCTION "ring_all_libraries"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('russet', 'library:' || id) FROM organization;
  RETURN NULL;
END $$;
CREATE TRIGGER "library_marker" AFTER UPDATE OF "marker" ON "installation" FOR EACH STATEMENT EXECUTE FUNCTION "ring_all_libraries"();

-- Tokens that are here already: told what is due now, and asked about over the next hours, not all at once.
UPDATE "token" SET "notice_at" = 'epoch', "probe_at" = now() + random() * interval '6 hours' WHERE "removed_at" IS NULL;
