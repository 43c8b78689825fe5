-- Most requests are to give a license, not to take one back: those need no entry here.
DROP INDEX "license_of_revoke";
CREATE INDEX "license_of_revoke" ON "license" ("organization_id", "revoke_task_id")
  WHERE "revoke_task_id" IS NOT NULL AND "state" IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING');
