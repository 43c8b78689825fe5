-- The moment of the next whole reading is shown, so its change is news; how recently Apple told of something is not among what
-- is remembered, and would throw every remembered answer away every ten seconds.
DROP TRIGGER "library_change" ON "token_sync";
CREATE TRIGGER "library_change" AFTER INSERT OR UPDATE OF "completeness", "synced_at", "full_synced_at", "full_due_at" ON "token_sync"
  FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
DROP TRIGGER "library_change" ON "token_webhook";
CREATE TRIGGER "library_change" AFTER INSERT OR UPDATE OF "registered_url", "registered_at", "tried_base", "problem", "second_manager" ON "token_webhook"
  FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
