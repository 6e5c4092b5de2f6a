import { userInfo } from 'node:os';
import { certificateFolder, passwordFile } from '../../lib/config/home';

describe('libpq’s own files', () => {
  const { homedir } = userInfo();

  it('lie in the folder that HOME names', () => {
    expect(certificateFolder({ HOME: '/home/app' })).toBe('/home/app/.postgresql');
    expect(passwordFile({ HOME: '/home/app' })).toBe('/home/app/.pgpass');
  });

  it.each([{}, { HOME: '' }])('lie in the user’s home with %j, and never in the current folder', (env) => {
    expect(certificateFolder(env)).toBe(`${homedir}/.postgresql`);
    expect(passwordFile(env)).toBe(`${homedir}/.pgpass`);
  });
});
