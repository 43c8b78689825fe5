-- The installation's own secret, sealed like a token's: it proves the encryption keys, and any of them can be replaced.
ALTER TABLE "installation" ADD COLUMN "secret_jwe" TEXT, ADD COLUMN "key_id" TEXT;

-- The request that asked for a task, in the log lines of whoever works on it.
ALTER TABLE "task" ADD COLUMN "correlation_id" TEXT;
