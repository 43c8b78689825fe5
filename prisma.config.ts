import { defineConfig } from 'prisma/config';

// generate, validate and format are pure WebAssembly, but the command line insists on finding a native engine first.
// Any existing file satisfies it. Never for migrate: with a dummy engine it would print nothing and exit with 0.
if (process.argv.some((argument) => ['generate', 'validate', 'format'].includes(argument))) {
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;
}

export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } });
