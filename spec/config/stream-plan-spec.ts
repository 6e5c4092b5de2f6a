import { BASE, findInvalidOption, resolve } from './support/resolve-config';

describe('a stream with another plugin', () => {
  const RAW = { connection: BASE.connection, slot: 'orders', plugin: 'wal2json' };

  it("passes the plugin's options on", () => {
    const { plan } = resolve({ ...RAW, pluginOptions: { 'include-xids': '1' } });
    expect(plan).toMatchObject({
      plugin: 'wal2json',
      pgoutput: undefined,
      pluginOptions: { 'include-xids': '1' },
    });
    expect(resolve(RAW).plan.pluginOptions).toEqual({});
  });

  it.each<[option: string, config: unknown]>([
    ['plugin', { ...RAW, plugin: 'pgoutput' }],
    ['plugin', { ...RAW, plugin: '' }],
    ['plugin', { ...RAW, plugin: 7 }],
    ['publications', { ...RAW, publications: ['p'] }],
    ['messages', { ...RAW, messages: true }],
    ['types', { ...RAW, types: {} }],
    ['pluginOptions', { ...RAW, pluginOptions: 'include-xids' }],
    ['pluginOptions', { ...RAW, pluginOptions: ['include-xids'] }],
    ['pluginOptions.include-xids', { ...RAW, pluginOptions: { 'include-xids': true } }],
    ['pluginOptions', { ...BASE, pluginOptions: {} }],
  ])('rejects %s in %j', (option, config) => {
    expect(findInvalidOption(config)).toBe(option);
  });
});
