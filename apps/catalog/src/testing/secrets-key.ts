/** For catalogs under test; nothing that matters is sealed with it. */
export const secretsKey = Buffer.alloc(32, 'test').toString('base64');
