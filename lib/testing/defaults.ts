/** The default OID of a table. */
export const TABLE = 16384;
/** The default commit time. */
export const COMMIT_TIME = new Date('2024-05-06T07:08:09.123Z');
/** The default time of the server. */
export const SERVER_TIME = new Date('2024-05-06T07:08:10.000Z');
