/** Made at build time by `esbuild.mjs`. */
declare module 'borders:packed' {
  /** JSON of `PackedBorders`. */
  const text: string;
  export default text;
}
