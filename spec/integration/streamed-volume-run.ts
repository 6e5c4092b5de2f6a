/**
 * Reads a transaction of 2 GB, or of the given number of MB, on a separate server:
 *
 *   npm run test:volume -- [MB]
 *
 * It must not take more than 250 MB of memory, including Node's own.
 */
import { startServer } from '../support/server';
import { describeVolume, MB, volume, VOLUME_TABLES } from './support/streamed-volume';
import { TestBed } from './support/bed';

const MOST = 250 * MB;

async function main(): Promise<void> {
  const rows = Number(process.argv[2] ?? '2000') * 1000;
  // The default settings: a transaction larger than 64 MB is streamed.
  const server = await startServer();
  try {
    console.log(server.description);
    const bed = await TestBed.make('volume', VOLUME_TABLES, server);
    const result = await volume(bed, rows);
    console.log(describeVolume(result));
    const complaints = [
      ...(result.rows === rows ? [] : [`Only ${result.rows} of ${rows} rows came, or in another order`]),
      ...(result.peak <= MOST ? [] : [`More than ${MOST / MB} MB of memory`]),
    ];
    for (const complaint of complaints) console.error(complaint);
    process.exitCode = complaints.length === 0 ? 0 : 1;
    await bed.drop();
  } finally {
    await server.dispose();
  }
}

void main();
