import { resolveConnection } from '../../lib/config/connection';

const TIMEOUTS = { connectTimeout: 1, closeTimeout: 1 };
const ENVIRONMENT = {
  PGHOST: 'env-host',
  PGPORT: '6543',
  PGUSER: 'env-user',
  PGPASSWORD: 'env-word',
  PGDATABASE: 'env-db',
};

function resolved(connection: unknown, env: NodeJS.ProcessEnv = ENVIRONMENT) {
  const { target, startup } = resolveConnection(connection, TIMEOUTS, env);
  const { user, password, database } = startup;
  return { host: target.host, port: target.port, user, password, database };
}

describe('the connection', () => {
  it('fills what a URI leaves out from the environment', () => {
    expect(resolved('postgres://')).toEqual({
      host: 'env-host',
      port: 6543,
      user: 'env-user',
      password: 'env-word',
      database: 'env-db',
    });
    expect(resolved('postgres:///shop')).toMatchObject({ host: 'env-host', database: 'shop' });
  });

  it('fills what a URI and the environment leave out with defaults', () => {
    expect(resolved('postgres://ada@db.example.org', {})).toEqual({
      host: 'db.example.org',
      port: 5432,
      user: 'ada',
      password: undefined,
      database: 'ada',
    });
  });

  it('takes the folder of a Unix socket from a URI', () => {
    expect(resolved('postgres://ada@/shop?host=/run/postgresql')).toMatchObject({
      host: '/run/postgresql',
      port: 6543,
    });
  });

  it('lets an option win over the URI, and the URI over the environment', () => {
    expect(resolved({ connectionString: 'postgres://ada:word@db:1/shop', port: 2 })).toEqual({
      host: 'db',
      port: 2,
      user: 'ada',
      password: 'word',
      database: 'shop',
    });
  });
});
