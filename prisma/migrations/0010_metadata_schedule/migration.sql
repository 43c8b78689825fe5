-- When the metadata of a library's apps is to be asked for again; without a moment, as soon as a sync has met them.
ALTER TABLE "token_sync" ADD COLUMN "metadata_due_at" TIMESTAMPTZ(3);
