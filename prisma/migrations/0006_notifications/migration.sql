-- What Apple tells by itself: where it may post, what came, and what is to be read again because of it.
CREATE TABLE "token_webhook" (
    "organization_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "webhook_id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "registered_url" TEXT,
    "registered_at" TIMESTAMPTZ(3),
    "tried_base" TEXT,
    "due_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "problem" JSONB,
    "last_received_at" TIMESTAMPTZ(3),
    "second_manager" JSONB,

    CONSTRAINT "token_webhook_pkey" PRIMARY KEY ("organization_id","token_id")
);
CREATE UNIQUE INDEX "token_webhook_webhook_id_key" ON "token_webhook"("webhook_id");
ALTER TABLE "token_webhook" ADD CONSTRAINT "token_webhook_organization_id_token_id_fkey" FOREIGN KEY ("organization_id", "token_id") REFERENCES "token"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
INSERT INTO "token_webhook" ("organization_id", "token_id") SELECT "organization_id", "id" FROM "token";

CREATE TABLE "notification" (
    "organization_id" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "token_id" BIGINT NOT NULL,
    "apple_id" TEXT NOT NULL,
    "body_hash" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "applied_at" TIMESTAMPTZ(3),
    "outcome" TEXT,

    CONSTRAINT "notification_pkey" PRIMARY KEY ("organization_id","id")
);
CREATE UNIQUE INDEX "notification_organization_id_token_id_apple_id_body_hash_key" ON "notification"("organization_id", "token_id", "apple_id", "body_hash");
CREATE INDEX "notification_received_at_idx" ON "notification"("received_at");
-- What is not applied yet is little.
CREATE INDEX "notification_open" ON "notification" ("organization_id", "token_id", "due_at") WHERE "applied_at" IS NULL;

CREATE TABLE "asset_hint" (
    "organization_id" BIGINT NOT NULL,
    "token_id" BIGINT NOT NULL,
    "adam_id" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "step" INTEGER NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "before" TEXT NOT NULL,

    CONSTRAINT "asset_hint_pkey" PRIMARY KEY ("organization_id","token_id","adam_id")
);
CREATE INDEX "asset_hint_due_at_idx" ON "asset_hint"("due_at");

-- Items that notifications told of: Apple's own count of what is done has them too.
ALTER TABLE "apple_call" ADD COLUMN "told" INTEGER NOT NULL DEFAULT 0;
CREATE INDEX "apple_call_event" ON "apple_call" ("organization_id", "token_id", "event_id") WHERE "event_id" IS NOT NULL;

-- Whether notifications come shows with the token.
CREATE TRIGGER "library_change" AFTER INSERT OR UPDATE OF "registered_url", "registered_at", "tried_base", "problem", "last_received_at", "second_manager" ON "token_webhook"
  FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
