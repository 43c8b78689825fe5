/** What a writer has learned while it works, by task: how much of it Apple takes in one call. */
export type SendingManner = Map<bigint, Size>;

/** Most assets and holders of one call; a call of people has no assets. */
export interface Size {
  assets: number;
  holders: number;
}
