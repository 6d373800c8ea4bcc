/** The part that the oracle of `borders.spec.ts` uses; the package ships no types. */
declare module 'topojson-client' {
  export type Ring = readonly (readonly [lon: number, lat: number])[];
  export interface Feature {
    readonly id?: string;
    readonly geometry:
      | { readonly type: 'Polygon'; readonly coordinates: readonly Ring[] }
      | { readonly type: 'MultiPolygon'; readonly coordinates: readonly (readonly Ring[])[] };
  }
  export function feature(topology: unknown, object: unknown): { readonly features: readonly Feature[] };
}
