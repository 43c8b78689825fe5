/** The lossless stream of an organization's token notices, read from the table at the reader's pace. @module */
import type { Rows } from '../db/rows.ts';
import { type NoticeRow, noticePosition, noticesAbove, writeNoticeCursor } from '../domain/token/notices.ts';
import type { Doorbell } from './doorbell.ts';
import type { SharedReads } from './shared-reads.ts';
import type { Streams } from './streams.ts';

/** What {@link createTokenNotices} works with. */
export interface TokenNoticesParts {
  reader: Rows;
  doorbell: Doorbell;
  reads: SharedReads;
  streams: Streams;
  /** Most notices that one read fetches, and so the most that wait for one reader. */
  pageSize: number;
}

/** A notice and the place behind it. Without a notice it only says where the stream begins. */
export interface TokenNoticeEvent {
  cursor: string;
  notice: NoticeRow | null;
}

/** Whose notices, and behind which place; null begins with the present. */
export interface TokenNoticesQuery {
  organizationId: bigint;
  tokenId: bigint | null;
  after: bigint | null;
  signal: AbortSignal;
}

/** Makes `tokenNotices`. */
export function createTokenNotices(
  parts: TokenNoticesParts,
): (query: TokenNoticesQuery) => AsyncIterable<TokenNoticeEvent> {
  const { reader, doorbell, reads, streams, pageSize } = parts;

  async function* produce(query: TokenNoticesQuery, signal: AbortSignal): AsyncGenerator<TokenNoticeEvent, void> {
    const { organizationId, tokenId } = query;
    const watcher = doorbell.watch(`notices:${organizationId}`);
    try {
      let position = query.after ?? (await noticePosition(reader, organizationId));
      if (query.after === null) yield { cursor: writeNoticeCursor(position), notice: null };
      for (;;) {
        const key = `notices:${organizationId}:${position}`;
        const read = () => noticesAbove(reader, organizationId, position, pageSize);
        const page: NoticeRow[] = await reads.share(key, watcher.stamp, read);
        for (const notice of page) {
          if (tokenId === null || notice.tokenId === tokenId) yield { cursor: writeNoticeCursor(notice.seq), notice };
          position = notice.seq;
        }
        if (page.length < pageSize && !(await watcher.next(signal))) return;
      }
    } finally {
      watcher.close();
    }
  }

  return (query) => streams.open(query.signal, (ending) => produce(query, ending));
}
