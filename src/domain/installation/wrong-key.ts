/** The configured keys are not those that the secrets in this database were sealed with. */
export class WrongKeyError extends Error {
  override readonly name = 'WrongKeyError';
}

const advice =
  'Configure it in ENCRYPTION_KEYS, or set DATABASE_URL to the database that belongs to the keys you have. Nothing was changed.';

const quoted = (ids: readonly string[]) => ids.map((id) => `"${id}"`).join(', ');

/** Secrets name keys that nobody configured. */
export function missingKeys(missing: readonly string[], configured: readonly string[]): WrongKeyError {
  const [keys, it] = missing.length === 1 ? ['the encryption key', 'it'] : ['the encryption keys', 'them'];
  return new WrongKeyError(
    `This database has secrets that are sealed with ${keys} ${quoted(missing)}, and only ${quoted(configured)} is configured. ${advice.replace('it', it!)}`,
  );
}

/** A key has the right name and does not open what was sealed under it. */
export function differentKey(id: string): WrongKeyError {
  return new WrongKeyError(
    `The configured encryption key "${id}" is not the key "${id}" that this database's secrets were sealed with. ${advice}`,
  );
}

/** A database from before the installation secret, whose fingerprint is that of another key. */
export function unknownKey(configured: readonly string[]): WrongKeyError {
  return new WrongKeyError(
    `The encryption key ${quoted(configured.slice(-1))} does not belong to this database: its secrets were sealed with another one. ${advice}`,
  );
}
