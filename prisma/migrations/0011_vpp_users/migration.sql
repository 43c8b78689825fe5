-- People in a library that Russet itself creates, invites and retires.
CREATE TYPE "VppUserStatus" AS ENUM ('REQUESTED', 'REFUSED', 'REGISTERED', 'ASSOCIATED', 'RETIRED', 'DELETED');
CREATE TYPE "VppUserWriteState" AS ENUM ('OPEN', 'DONE', 'FAILED');
ALTER TYPE "TaskKind" ADD VALUE 'CREATE_USERS';
ALTER TYPE "TaskKind" ADD VALUE 'UPDATE_USERS';
ALTER TYPE "TaskKind" ADD VALUE 'RETIRE_USERS';
ALTER TYPE "AppleCallKind" ADD VALUE 'CREATE_USERS';
ALTER TYPE "AppleCallKind" ADD VALUE 'UPDATE_USERS';
ALTER TYPE "AppleCallKind" ADD VALUE 'RETIRE_USERS';

ALTER TABLE "vpp_user" ALTER COLUMN "status" TYPE "VppUserStatus" USING upper("status")::"VppUserStatus";
ALTER TABLE "vpp_user"
  ADD COLUMN "managed_apple_id" TEXT,
  ADD COLUMN "name" TEXT,
  ADD COLUMN "external_id" TEXT,
  ADD COLUMN "invite_jwe" TEXT,
  ADD COLUMN "invite_key_id" TEXT,
  ADD COLUMN "invite_mark" TEXT,
  ADD COLUMN "invited_at" TIMESTAMPTZ(3),
  ADD COLUMN "invitations" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "retiring" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "updated_at" TIMESTAMPTZ(3);
UPDATE "vpp_user" SET "updated_at" = "created_at";
ALTER TABLE "vpp_user" ALTER COLUMN "updated_at" SET NOT NULL;

CREATE TABLE "vpp_user_record" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "user_id" BIGINT NOT NULL,
    "status" "VppUserStatus" NOT NULL,
    "id_hash" TEXT,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "vpp_user_record_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE INDEX "vpp_user_record_organization_id_user_id_id_idx" ON "vpp_user_record"("organization_id", "user_id", "id");
ALTER TABLE "vpp_user_record" ADD CONSTRAINT "vpp_user_record_organization_id_user_id_fkey" FOREIGN KEY ("organization_id", "user_id") REFERENCES "vpp_user"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE TABLE "vpp_user_write" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "task_id" BIGINT NOT NULL,
    "user_id" BIGINT NOT NULL,
    "kind" "AppleCallKind" NOT NULL,
    "state" "VppUserWriteState" NOT NULL DEFAULT 'OPEN',
    "email" TEXT,
    "managed_apple_id" TEXT,
    "call_id" BIGINT,
    "sends" SMALLINT NOT NULL DEFAULT 0,
    "settled_at" TIMESTAMPTZ(3),

    CONSTRAINT "vpp_user_write_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE INDEX "vpp_user_write_organization_id_task_id_idx" ON "vpp_user_write"("organization_id", "task_id");
ALTER TABLE "vpp_user_write" ADD CONSTRAINT "vpp_user_write_organization_id_user_id_fkey" FOREIGN KEY ("organization_id", "user_id") REFERENCES "vpp_user"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "task_failure" ADD COLUMN "vpp_user_id" BIGINT, ADD COLUMN "client_user_id" TEXT;
ALTER TABLE "token_sync"
  ADD COLUMN "users_version" TEXT,
  ADD COLUMN "users_sweep_version" TEXT,
  ADD COLUMN "users_next_page" INTEGER;

-- From here on by hand: what Prisma has no words for.

-- At Apple at most one record of a clientUserId is active.
CREATE UNIQUE INDEX "vpp_user_record_active" ON "vpp_user_record" ("organization_id", "user_id") WHERE "status" IN ('REGISTERED', 'ASSOCIATED');
-- The writes of a person are sent one after the other.
CREATE INDEX "vpp_user_write_open" ON "vpp_user_write" ("organization_id", "user_id", "id") WHERE "state" = 'OPEN';
CREATE INDEX "vpp_user_write_waiting" ON "vpp_user_write" ("organization_id", "token_id", "task_id") WHERE "state" = 'OPEN' AND "call_id" IS NULL;
CREATE INDEX "vpp_user_write_call" ON "vpp_user_write" ("organization_id", "call_id") WHERE "state" = 'OPEN' AND "call_id" IS NOT NULL;
-- Invitations that a new encryption key has to seal.
CREATE INDEX "vpp_user_sealed" ON "vpp_user" ("organization_id", "id") WHERE "invite_jwe" IS NOT NULL;
-- What a person holds; most licenses are a device's.
CREATE INDEX "license_of_user" ON "license" ("organization_id", "vpp_user_id", "id") WHERE "vpp_user_id" IS NOT NULL;

CREATE TRIGGER "library_new" AFTER INSERT ON "vpp_user_record" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "vpp_user_record" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "vpp_user_record" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();

-- Keys that could do everything go on so.
UPDATE "api_key" SET "scopes" = array_cat("scopes", ARRAY['users:read', 'users:write'])
  WHERE "scopes" @> ARRAY['organization:write', 'tokens:write', 'apps:write', 'licenses:write', 'devices:write', 'tasks:write', 'keys:write']
    AND NOT "scopes" @> ARRAY['users:read'];
