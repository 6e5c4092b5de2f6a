import { PAD, PADDING, type Scenario } from './scenario';

const LONG = 'x'.repeat(3000);

export const FILTERS: readonly Scenario[] = [
  {
    name: 'row filters, which rows enter and leave',
    since: 15,
    setup: `
      CREATE TABLE users (id int, active bool, name text, PRIMARY KEY (id, active));
      CREATE TABLE full_users (LIKE users);
      ALTER TABLE full_users REPLICA IDENTITY FULL;`,
    published: 'FOR TABLE users WHERE (active), full_users WHERE (active AND id < 10), padding',
    work: [
      `INSERT INTO users VALUES (1, true, 'a'), (2, false, 'b');
       INSERT INTO full_users SELECT * FROM users`,
      `UPDATE users SET name = 'c' WHERE id = 1;
       UPDATE users SET name = 'd' WHERE id = 2;
       ${PAD}
       UPDATE users SET active = true WHERE id = 2;
       UPDATE users SET active = false WHERE id = 1;
       ${PAD}
       UPDATE full_users SET name = 'e', active = true;
       UPDATE full_users SET id = 11 WHERE id = 1;
       UPDATE full_users SET id = 12 WHERE id = 11;
       DELETE FROM users;
       DELETE FROM full_users`,
      // A transaction without remaining changes.
      `INSERT INTO users VALUES (3, false, 'f')`,
    ],
    seen: [
      [
        { insert: 'users', row: { id: 1, active: true, name: 'a' } },
        { insert: 'full_users', row: { id: 1, active: true, name: 'a' } },
      ],
      [
        { update: 'users', row: { id: 1, active: true, name: 'c' } },
        PADDING,
        { insert: 'users', row: { id: 2, active: true, name: 'd' } },
        { delete: 'users', key: { id: 1, active: true } },
        PADDING,
        {
          update: 'full_users',
          old: { id: 1, active: true, name: 'a' },
          row: { id: 1, active: true, name: 'e' },
        },
        { insert: 'full_users', row: { id: 2, active: true, name: 'e' } },
        { delete: 'full_users', old: { id: 1, active: true, name: 'e' } },
        { delete: 'users', key: { id: 2, active: true } },
        { delete: 'full_users', old: { id: 2, active: true, name: 'e' } },
      ],
    ],
  },
  {
    name: 'row filters, which a row with a value out of line enters',
    since: 15,
    setup: `
      CREATE TABLE notes (id int, active bool, title text, body text, PRIMARY KEY (id, active));
      ALTER TABLE notes ALTER body SET STORAGE EXTERNAL;
      CREATE TABLE full_notes (LIKE notes INCLUDING STORAGE);
      ALTER TABLE full_notes REPLICA IDENTITY FULL;`,
    published: 'FOR TABLE notes WHERE (active), full_notes WHERE (active), padding',
    work: [
      `INSERT INTO notes VALUES (1, false, 'a', repeat('x', 3000));
       INSERT INTO full_notes SELECT * FROM notes`,
      `${PAD} UPDATE notes SET active = true; UPDATE full_notes SET active = true; ${PAD}
       UPDATE notes SET title = 'b'; UPDATE full_notes SET title = 'b'`,
    ],
    seen: [
      [
        PADDING,
        // The server does not send unchanged TOAST values.
        { insert: 'notes', row: { id: 1, active: true, title: 'a' } },
        { insert: 'full_notes', row: { id: 1, active: true, title: 'a', body: LONG } },
        PADDING,
        { update: 'notes', row: { id: 1, active: true, title: 'b' }, unchanged: ['body'] },
        {
          update: 'full_notes',
          old: { id: 1, active: true, title: 'a', body: LONG },
          row: { id: 1, active: true, title: 'b', body: LONG },
        },
      ],
    ],
  },
  {
    name: 'column lists',
    since: 15,
    setup: `CREATE TABLE users (id int PRIMARY KEY, secret text, name text, born date)`,
    published: 'FOR TABLE users (name, id), padding',
    work: [
      `INSERT INTO users VALUES (1, 'x', 'a', '2000-01-01')`,
      `${PAD}
       UPDATE users SET secret = 'y';
       ALTER TABLE users ALTER secret TYPE int USING 7;
       UPDATE users SET name = 'b', id = 2;
       ${PAD}
       DELETE FROM users`,
    ],
    seen: [
      [{ insert: 'users', row: { id: 1, name: 'a' } }],
      [
        PADDING,
        { update: 'users', row: { id: 1, name: 'a' } },
        { update: 'users', key: { id: 1 }, row: { id: 2, name: 'b' } },
        PADDING,
        { delete: 'users', key: { id: 2 } },
      ],
    ],
  },
];
