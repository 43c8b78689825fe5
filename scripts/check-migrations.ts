/** Fails when the migrations do not lead to `prisma/schema.prisma`. Usage: npm run migrations:check @module */
import { withMigratedDatabase } from './lib/migrated-database.ts';
import { compareDatabaseWithSchema } from './lib/schema-engine.ts';

const { sql } = await withMigratedDatabase('prisma/migrations', (url) =>
  compareDatabaseWithSchema(url, 'prisma/schema.prisma'),
);

if (sql === '') {
  console.log('The migrations lead to prisma/schema.prisma.');
} else {
  console.error(
    `prisma/schema.prisma has changes without a migration. Run npm run migration:new. Missing SQL:\n\n${sql}`,
  );
  process.exitCode = 1;
}
