/** Why a program did not start, said so that the reader knows what to do. Its message is all that is shown. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** A command line that can't be understood. `help` is the command that explains it. */
export function usageError(message: string, help: string): StartError {
  return new StartError(`${message.replace(/\.?$/, '.')} Nothing was done. ${help} shows what there is.`);
}
