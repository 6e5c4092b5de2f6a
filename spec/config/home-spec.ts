import { userInfo } from 'node:os';
import { getCertificateDirectory, getPasswordFile } from '../../lib/config/home';

describe('libpq’s own files', () => {
  const { homedir } = userInfo();

  it('lie in the folder that HOME names', () => {
    expect(getCertificateDirectory({ HOME: '/home/app' })).toBe('/home/app/.postgresql');
    expect(getPasswordFile({ HOME: '/home/app' })).toBe('/home/app/.pgpass');
  });

  it.each([{}, { HOME: '' }])('lie in the user’s home with %j, and never in the current folder', (env) => {
    expect(getCertificateDirectory(env)).toBe(`${homedir}/.postgresql`);
    expect(getPasswordFile(env)).toBe(`${homedir}/.pgpass`);
  });
});
