-- One word for one thing: a seat is one of a subscription, what a pool has are licenses.
UPDATE "task" SET "waits_for" = 'LICENSES' WHERE "waits_for" = 'SEATS';
UPDATE "license" SET "allocation" = replace("allocation"::text, '"NO_SEATS"', '"NO_LICENSES_AVAILABLE"')::jsonb
  WHERE "allocation"::text LIKE '%"NO_SEATS"%';
