/** JSON of `PackedBorders`; the module itself is made at build time by `esbuild.mjs`. */
declare const text: string;
export default text;
