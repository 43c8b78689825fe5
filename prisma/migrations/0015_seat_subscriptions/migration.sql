-- Seat subscriptions: Apple's auto-renewing purchases with seats for people, and who holds them.
CREATE TYPE "SeatSubscriptionStatus" AS ENUM ('ACTIVE', 'INACTIVE', 'PAUSED');
CREATE TYPE "SeatState" AS ENUM ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING', 'REMOVAL_DEFERRED', 'REMOVED', 'EXPIRED', 'FAILED', 'GONE_AT_APPLE', 'TOKEN_REMOVED');
ALTER TYPE "TaskKind" ADD VALUE 'ASSIGN_SEATS';
ALTER TYPE "TaskKind" ADD VALUE 'REMOVE_SEATS';
ALTER TYPE "AppleCallKind" ADD VALUE 'ASSIGN_SEATS';
ALTER TYPE "AppleCallKind" ADD VALUE 'REMOVE_SEATS';

CREATE TABLE "seat_library" (
    "organization_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "enabled_at" TIMESTAMPTZ(3),
    "read_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "sweep" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "seat_library_pkey" PRIMARY KEY ("organization_id","token_id")
);
ALTER TABLE "seat_library" ADD CONSTRAINT "seat_library_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE TABLE "seat_subscription" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "parent_adam_id" TEXT NOT NULL,
    "adam_id" TEXT NOT NULL,
    "status" "SeatSubscriptionStatus" NOT NULL,
    "period_ends_on" DATE,
    "period_ended_on" DATE,
    "total_renewing" BIGINT NOT NULL DEFAULT 0,
    "total_expiring" BIGINT NOT NULL DEFAULT 0,
    "held_renewing" BIGINT NOT NULL DEFAULT 0,
    "held_expiring" BIGINT NOT NULL DEFAULT 0,
    "reserved_renewing" BIGINT NOT NULL DEFAULT 0,
    "reserved_expiring" BIGINT NOT NULL DEFAULT 0,
    "apple_assigned_renewing" BIGINT NOT NULL DEFAULT 0,
    "apple_assigned_expiring" BIGINT NOT NULL DEFAULT 0,
    "apple_available_renewing" BIGINT NOT NULL DEFAULT 0,
    "apple_available_expiring" BIGINT NOT NULL DEFAULT 0,
    "as_of" TIMESTAMPTZ(3) NOT NULL,
    "gone_at" TIMESTAMPTZ(3),

    CONSTRAINT "seat_subscription_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE UNIQUE INDEX "seat_subscription_organization_id_token_id_adam_id_key" ON "seat_subscription"("organization_id", "token_id", "adam_id");
ALTER TABLE "seat_subscription" ADD CONSTRAINT "seat_subscription_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE TABLE "seat_assignment" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "adam_id" TEXT NOT NULL,
    "client_user_id" TEXT NOT NULL,
    "vpp_user_id" BIGINT NOT NULL,
    "renewing" BOOLEAN NOT NULL,
    "state" "SeatState" NOT NULL,
    "source" "LicenseSource" NOT NULL,
    "task_id" BIGINT,
    "removal_task_id" BIGINT,
    "removal_deferred" BOOLEAN NOT NULL DEFAULT false,
    "removal_on" DATE,
    "through_group" BOOLEAN NOT NULL DEFAULT false,
    "call_id" BIGINT,
    "sends" SMALLINT NOT NULL DEFAULT 0,
    "opening" BOOLEAN NOT NULL DEFAULT false,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,
    "missed_at" TIMESTAMPTZ(3),

    CONSTRAINT "seat_assignment_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE INDEX "seat_assignment_organization_id_vpp_user_id_id_idx" ON "seat_assignment"("organization_id", "vpp_user_id", "id");
CREATE INDEX "seat_assignment_organization_id_subscription_id_id_idx" ON "seat_assignment"("organization_id", "subscription_id", "id");
ALTER TABLE "seat_assignment" ADD CONSTRAINT "seat_assignment_organization_id_subscription_id_fkey" FOREIGN KEY ("organization_id", "subscription_id") REFERENCES "seat_subscription"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "seat_assignment" ADD CONSTRAINT "seat_assignment_organization_id_vpp_user_id_fkey" FOREIGN KEY ("organization_id", "vpp_user_id") REFERENCES "vpp_user"("organization_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

CREATE TABLE "seat_ledger" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "subscription_id" BIGINT NOT NULL,
    "seat_id" BIGINT NOT NULL,
    "kind" TEXT NOT NULL,
    "held_renewing_delta" SMALLINT NOT NULL,
    "held_expiring_delta" SMALLINT NOT NULL,
    "reserved_renewing_delta" SMALLINT NOT NULL,
    "reserved_expiring_delta" SMALLINT NOT NULL,
    "task_id" BIGINT,
    "apple_event_id" TEXT,
    "actor" TEXT NOT NULL,
    "reason" TEXT,

    CONSTRAINT "seat_ledger_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE INDEX "seat_ledger_organization_id_subscription_id_at_idx" ON "seat_ledger"("organization_id", "subscription_id", "at");

CREATE TABLE "seat_seen" (
    "organization_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "sweep" BIGINT NOT NULL,
    "seat_id" BIGINT NOT NULL,

    CONSTRAINT "seat_seen_pkey" PRIMARY KEY ("organization_id","token_id","sweep","seat_id")
);

ALTER TABLE "task_failure" ADD COLUMN "seat_subscription_id" BIGINT, ADD COLUMN "seat_id" BIGINT;

-- From here on by hand: what Prisma has no words for.

ALTER TABLE "seat_subscription"
  ADD CONSTRAINT "seat_subscription_numbers" CHECK (
    "held_renewing" >= 0 AND "held_expiring" >= 0 AND "reserved_renewing" >= 0 AND "reserved_expiring" >= 0
    AND "total_renewing" >= 0 AND "total_expiring" >= 0);
-- What Russet causes never goes above what is free, in either kind.
CREATE FUNCTION "guard_reserved_seats"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.reserved_renewing > OLD.reserved_renewing AND NEW.total_renewing - NEW.held_renewing - NEW.reserved_renewing < 0)
    OR (NEW.reserved_expiring > OLD.reserved_expiring AND NEW.total_expiring - NEW.held_expiring - NEW.reserved_expiring < 0) THEN
    RAISE EXCEPTION 'seat subscription % has fewer free seats than were reserved', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'seat_subscription_reserved';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "guard_reserved_seats" BEFORE UPDATE OF "reserved_renewing", "reserved_expiring" ON "seat_subscription"
  FOR EACH ROW EXECUTE FUNCTION "guard_reserved_seats"();

ALTER TABLE "seat_assignment"
  ADD CONSTRAINT "seat_assignment_ended" CHECK (("ended_at" IS NOT NULL) = ("state" IN ('REMOVED', 'EXPIRED', 'FAILED', 'GONE_AT_APPLE', 'TOKEN_REMOVED')));
CREATE UNIQUE INDEX "seat_assignment_live" ON "seat_assignment" ("organization_id", "subscription_id", "client_user_id") WHERE "ended_at" IS NULL;
CREATE INDEX "seat_assignment_to_write" ON "seat_assignment" ("organization_id", "token_id") WHERE "state" IN ('REQUESTED', 'REMOVAL_REQUESTED') AND "call_id" IS NULL;
CREATE INDEX "seat_assignment_of_task" ON "seat_assignment" ("organization_id", "task_id") WHERE "state" IN ('REQUESTED', 'PENDING_AT_APPLE');
CREATE INDEX "seat_assignment_of_removal" ON "seat_assignment" ("organization_id", "removal_task_id") WHERE "state" IN ('REMOVAL_REQUESTED', 'REMOVAL_PENDING');
CREATE INDEX "seat_assignment_of_call" ON "seat_assignment" ("organization_id", "call_id")
  WHERE "state" IN ('REQUESTED', 'PENDING_AT_APPLE', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING') AND "call_id" IS NOT NULL;
CREATE INDEX "seat_assignment_ended_lately" ON "seat_assignment" ("organization_id", "token_id", "ended_at") WHERE "ended_at" IS NOT NULL;
CREATE INDEX "seat_library_due" ON "seat_library" ("due_at") WHERE "due_at" IS NOT NULL;

CREATE TRIGGER "seat_ledger_append_only" BEFORE UPDATE OR DELETE ON "seat_ledger" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "seat_ledger_keep" BEFORE TRUNCATE ON "seat_ledger" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();

-- What people see of it rings, whoever changes it.
CREATE TRIGGER "library_new" AFTER INSERT ON "seat_subscription" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "seat_subscription" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "seat_subscription" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_new" AFTER INSERT ON "seat_assignment" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "seat_assignment" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "seat_assignment" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_new" AFTER INSERT ON "seat_library" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
CREATE TRIGGER "library_change" AFTER UPDATE OF "enabled_at", "read_at" ON "seat_library" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
