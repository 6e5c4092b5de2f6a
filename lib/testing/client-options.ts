/** What a client has asked pgoutput for, as far as it decides in which form transactions come. */
export interface ClientOptions {
  readonly streaming: 'off' | 'on' | 'parallel';
  readonly twoPhase: boolean;
}

/** @param sql START_REPLICATION */
export function parseClientOptions(sql: string): ClientOptions {
  const [, streaming] = /\bstreaming '(on|parallel)'/.exec(sql) ?? [];
  return {
    streaming: streaming === 'on' || streaming === 'parallel' ? streaming : 'off',
    twoPhase: /\btwo_phase 'true'/.test(sql),
  };
}
