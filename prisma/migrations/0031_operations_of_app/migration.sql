-- CreateIndex
CREATE INDEX "app_operation_organization_id_app_id_id_idx" ON "app_operation"("organization_id", "app_id", "id");
