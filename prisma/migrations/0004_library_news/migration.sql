-- Every change of what people see of a library rings, whoever makes it: answers that were just given can be given again
-- until then. One ring a transaction and organization, however many rows change.
CREATE FUNCTION "ring_library"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('russet', 'library:' || organization_id) FROM (SELECT DISTINCT organization_id FROM changed) AS c;
  RETURN NULL;
END $$;
CREATE TRIGGER "library_new" AFTER INSERT ON "app" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "app" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "app_metadata" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "app_metadata" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "license_pool" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "license_pool" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "license" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "license" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "device" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "device" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_new" AFTER INSERT ON "vpp_user" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();
CREATE TRIGGER "library_change" AFTER UPDATE ON "vpp_user" REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "ring_library"();

-- Tokens note with every call to Apple who holds the library; that alone is no news.
CREATE FUNCTION "ring_library_of_row"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('russet', 'library:' || NEW.organization_id);
  RETURN NULL;
END $$;
CREATE TRIGGER "library_new" AFTER INSERT ON "token" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
CREATE TRIGGER "library_change" AFTER UPDATE OF "u_id", "label", "source", "provided_by", "email", "region", "account_type", "organization_name",
  "location_name", "position", "expires_at", "condition", "foreign_mdm", "renewed_at", "removed_at" ON "token"
  FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
CREATE TRIGGER "library_change" AFTER INSERT OR UPDATE OF "completeness", "synced_at" ON "token_sync"
  FOR EACH ROW EXECUTE FUNCTION "ring_library_of_row"();
-- Nothing of a library is ever deleted, but whoever does so by hand must be noticed too.
CREATE FUNCTION "ring_library_of_old_row"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('russet', 'library:' || OLD.organization_id);
  RETURN NULL;
END $$;
CREATE TRIGGER "library_loss" AFTER DELETE ON "app" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "app_metadata" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "license_pool" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "license" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "device" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "vpp_user" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
CREATE TRIGGER "library_loss" AFTER DELETE ON "token" FOR EACH ROW EXECUTE FUNCTION "ring_library_of_old_row"();
