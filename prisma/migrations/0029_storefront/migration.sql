-- Which apps that are not released the devices of a group may get.
ALTER TABLE "device_group" ADD COLUMN "app_statuses" "AppStatus"[] DEFAULT ARRAY[]::"AppStatus"[];
ALTER TABLE "device_group" ADD CONSTRAINT "device_group_app_statuses" CHECK ("app_statuses" IS NOT NULL AND NOT 'RELEASE' = ANY ("app_statuses"));
