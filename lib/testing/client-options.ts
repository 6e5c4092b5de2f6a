/** The options of START_REPLICATION that determine how transactions are sent. */
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
