-- What one process hears must hold for all: until when Apple wants no question that names no token.
CREATE TABLE "apple_pause" (
    "host" TEXT NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "apple_pause_pkey" PRIMARY KEY ("host")
);

-- The address before a rotation, good until Apple has taken the new one; and notifications that were set aside.
ALTER TABLE "token_webhook" ADD COLUMN "retired_webhook_id" UUID,
ADD COLUMN "set_aside" INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX "token_webhook_retired_webhook_id_key" ON "token_webhook"("retired_webhook_id");

-- How many were set aside shows with the token.
DROP TRIGGER "library_change" ON "token_webhook";
CREATE TRIGGER "library_change" AFTER INSERT OR UPDATE OF "webhook_id", "registered_url", "registered_at", "tried_base", "problem", "second_manager", "set_aside" ON "token_webhook"
  FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
