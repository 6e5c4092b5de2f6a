export = async function stopSharedServer(): Promise<void> {
  await globalThis.integrationServer?.dispose();
};
