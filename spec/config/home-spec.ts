import { userInfo } from 'node:os';
import { getCertificateDirectory, getPasswordFile } from '../../lib/config/home';

describe('the default files of libpq', () => {
  const { homedir } = userInfo();

  it('are in the folder of HOME', () => {
    expect(getCertificateDirectory({ HOME: '/home/app' })).toBe('/home/app/.postgresql');
    expect(getPasswordFile({ HOME: '/home/app' })).toBe('/home/app/.pgpass');
  });

  it.each([{}, { HOME: '' }])("are in the user's home folder with %j, and never in the current folder", (env) => {
    expect(getCertificateDirectory(env)).toBe(`${homedir}/.postgresql`);
    expect(getPasswordFile(env)).toBe(`${homedir}/.pgpass`);
  });
});
