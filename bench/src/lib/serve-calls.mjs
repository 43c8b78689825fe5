/**
 * Answers what the bench asks this process over its channel, one question at a time, and says that it is ready.
 * @param {(request: any) => Promise<unknown>} answer
 */
export function serveCalls(answer) {
  process.on('message', (request) => {
    answer(request).then(
      (result) => process.send?.({ type: 'answer', answer: result }),
      (error) => process.send?.({ type: 'answer', error: String(error?.stack ?? error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ type: 'ready' });
}
