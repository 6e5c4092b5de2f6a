/** The OID of a table where no other is given. */
export const TABLE = 16384;
/** The commit time where no other is given. */
export const COMMIT_TIME = new Date('2024-05-06T07:08:09.123Z');
/** The server's clock where no other is given. */
export const SERVER_TIME = new Date('2024-05-06T07:08:10.000Z');
