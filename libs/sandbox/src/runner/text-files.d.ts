/** Tables of legacy encodings, put into the runner's bundle as text by the build. */
declare module 'proxylet:encodings' {
  const json: string;
  export default json;
}
