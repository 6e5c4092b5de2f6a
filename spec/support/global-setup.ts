import { obtainServer, publishServer, type PostgresServer } from './server';

declare global {
  var integrationServer: PostgresServer | undefined;
}

export = async function startSharedServer(): Promise<void> {
  const server = await obtainServer('TEST_POSTGRES_URL');
  globalThis.integrationServer = server;
  publishServer(server);
  process.stdout.write(`\nIntegration specs run on ${server.description}.\n`);
};
