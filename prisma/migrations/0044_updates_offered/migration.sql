-- By hand: what Prisma has no words for.

-- Which apps devices themselves offer newer versions of; few at any time. What is behind otherwise, the counts of versions say.
CREATE INDEX "installed_app_offered" ON "installed_app" ("organization_id", "app_id", "device_id") WHERE "has_update" AND "app_id" IS NOT NULL;
