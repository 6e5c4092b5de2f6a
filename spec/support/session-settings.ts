/** The session settings that the library requires, as the server prints them. */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog, pg_temp',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  default_transaction_isolation: 'read committed',
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '3',
  lc_monetary: 'C',
  quote_all_identifiers: 'off',
  client_min_messages: 'warning',
};

/** The row of a server 18.4 for the query that reads them back. */
export const READ_BACK: Readonly<Record<string, string>> = {
  version: '180004',
  ...SESSION_SETTINGS,
  wal_level: 'logical',
  database: 'shop',
  wal_sender_timeout: '60000',
  in_recovery: 'f',
  read_only: 'off',
};
